import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type Database, type Db, database } from 'middy-managed-instances/database'
import { type PgPoolOptions, pgPool } from 'middy-managed-instances/database/pg'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import pg from 'pg'
import { type Postgres, type PostgresOptions, startPostgres } from '../../../examples/backend/postgres.ts'

/** A server for all tests of a file, and what they ask it for. */
export interface TestServer {
  readonly postgres: Postgres
  /** What pools of this server are configured with. */
  readonly config: { host: string; port: number; database: string; user: string; password: string }
  /** A pool that is closed when its test ends. */
  pool(options?: Partial<PgPoolOptions>): Database<pg.PoolClient, pg.Pool>
  /** Closes a database when its test ends. */
  own<D extends Database<unknown>>(db: D): D
  /** A connection of one's own. */
  connect(): Promise<pg.Client>
  /** Asks over a connection of its own. */
  ask(sql: string): Promise<pg.QueryResultRow[]>
  /** The sessions of pools. */
  sessions(): Promise<Session[]>
}

interface Session {
  readonly pid: number
  readonly state: string
  readonly query: string
}

const application = 'pool-under-test'

/** Starts a server before the file's tests; every pool of a test is closed after it and has to leave no session. */
export const testServer = (options?: PostgresOptions): TestServer => {
  let postgres: Postgres | undefined
  let asking: pg.Client | undefined
  const databases: Database<unknown>[] = []
  const server = (): Postgres => {
    if (postgres === undefined) throw new Error('The server starts before the tests of its file.')
    return postgres
  }
  const test: TestServer = {
    get postgres() {
      return server()
    },
    get config() {
      const { host, port, database, user, password } = server()
      return { host, port, database, user, password, application_name: application }
    },
    pool: ({ config, ...rest } = {}) =>
      test.own(pgPool({ connections: 4, ...rest, config: { ...test.config, ...config } })),
    own: (db) => {
      databases.push(db)
      return db
    },
    connect: async () => {
      const { host, port, database, user, password } = server()
      const client = new pg.Client({ host, port, database, user, password })
      await client.connect()
      return client
    },
    ask: async (sql) => {
      if (asking === undefined) {
        asking = await test.connect()
        asking.on('error', () => {
          asking = undefined
        })
      }
      return (await asking.query(sql)).rows
    },
    sessions: async () =>
      (await test.ask(
        `SELECT pid, state, query FROM pg_stat_activity WHERE application_name = '${application}' ORDER BY pid`,
      )) as Session[],
  }
  beforeAll(async () => {
    postgres = await startPostgres(options)
  })
  afterEach(async () => {
    await expectNoLeaks(3_000)
    await Promise.all(databases.splice(0).map((db) => db.close()))
  })
  afterAll(async () => {
    await asking?.end()
    await postgres?.stop()
  })
  return test
}

type Work<L, P, E, R> = (db: Db<L, P>, event: E, context: Context & { readonly signal: AbortSignal }) => R

/** A handler that does `work` with its database. */
export const handlerOf = <L, P, R, E = undefined>(
  db: Database<L, P>,
  work: Work<L, P, E, R>,
): ((event: E, context: Context) => Promise<Awaited<R>>) =>
  middy<E>(managed())
    .use(database({ db }))
    .handler(async (event, context) => await work(context.db, event, context)) as unknown as (
    event: E,
    context: Context,
  ) => Promise<Awaited<R>>

/** What an action throws or rejects with. */
export const failureOf = async (action: () => unknown): Promise<unknown> => {
  try {
    await action()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}

/** Asks until it is true; fails after a bound. */
export const until = async (condition: () => Promise<boolean>, bound = 10_000): Promise<void> => {
  const end = performance.now() + bound
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Not true within ${bound} ms: ${condition}`)
    await setImmediate()
  }
}

/** Waits until all connections of a pool lie in it and nobody waits; fails if they are not so many. */
export const untilIdle = async (db: Database<unknown, pg.Pool>, count: number): Promise<void> => {
  const pool = await db.pool
  await until(async () => pool.idleCount === pool.totalCount && pool.waitingCount === 0)
  if (pool.totalCount !== count) throw new Error(`The pool has ${pool.totalCount} connections.`)
}
