import { afterAll, afterEach, beforeAll, describe } from '@jest/globals'
import type { Database } from 'middy-managed-instances/database'
import { type MysqlPoolOptions, mysqlPool } from 'middy-managed-instances/database/mysql2'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import mysql from 'mysql2/promise'
import { hasMariaDb, type MariaDb, type MariaDbOptions, startMariaDb } from './mariadb.ts'

/** Describes what needs a MariaDB, and says so where it is skipped for want of one. */
export const onMariaDb = (name: string, body: () => void): void =>
  hasMariaDb() ? describe(name, body) : describe.skip(`${name} (skipped: this machine has no mariadbd)`, body)

/** A server for all tests of a file, and what they ask it for. */
export interface MysqlTestServer {
  readonly mariadb: MariaDb
  /** What pools of this server are configured with. */
  readonly config: { host: string; port: number; database: string; user: string; password: string }
  /** A pool that is closed when its test ends. */
  pool(options?: Partial<MysqlPoolOptions>): Database<mysql.PoolConnection, mysql.Pool>
  /** Closes a database when its test ends. */
  own<D extends Database<unknown>>(db: D): D
  /** A connection of one's own. */
  connect(): Promise<mysql.Connection>
  /** Asks over a connection of its own. */
  ask(sql: string): Promise<mysql.RowDataPacket[]>
  /** The sessions of pools. */
  sessions(): Promise<Session[]>
  /** Ends all of them. */
  killAll(): Promise<void>
}

interface Session {
  readonly id: number
  readonly command: string
  readonly info: string | null
}

/** Starts a server before the tests; every pool of a test is closed after it and has to leave no session. */
export const mysqlServer = (options?: MariaDbOptions): MysqlTestServer => {
  let mariadb: MariaDb | undefined
  let asking: mysql.Connection | undefined
  const databases: Database<unknown>[] = []
  const server = (): MariaDb => {
    if (mariadb === undefined) throw new Error('The server starts before its tests.')
    return mariadb
  }
  const test: MysqlTestServer = {
    get mariadb() {
      return server()
    },
    get config() {
      const { host, port, database, user, password } = server()
      return { host, port, database, user, password }
    },
    pool: ({ config, ...rest } = {}) =>
      test.own(mysqlPool({ connections: 4, ...rest, config: { ...test.config, ...config } })),
    own: (db) => {
      databases.push(db)
      return db
    },
    connect: () => {
      const { socketPath, database } = server()
      return mysql.createConnection({ socketPath, database, user: 'root', multipleStatements: true })
    },
    ask: async (sql) => {
      if (asking === undefined) {
        asking = await test.connect()
        asking.on('error', () => {
          asking = undefined
        })
      }
      return (await asking.query<mysql.RowDataPacket[]>(sql))[0]
    },
    sessions: async () =>
      (await test.ask(
        "SELECT id, command, info FROM information_schema.processlist WHERE user <> 'root' AND user <> 'system user' ORDER BY id",
      )) as unknown as Session[],
    killAll: async () => {
      for (const { id } of await test.sessions())
        await test.ask(`KILL ${id}`).catch((error: { code?: string }) => {
          // It has ended by itself.
          if (error.code !== 'ER_NO_SUCH_THREAD') throw error
        })
    },
  }
  beforeAll(async () => {
    mariadb = await startMariaDb(options)
  })
  afterEach(async () => {
    await expectNoLeaks(3_000)
    await Promise.all(databases.splice(0).map((db) => db.close()))
  })
  afterAll(async () => {
    await asking?.end()
    await mariadb?.stop()
  })
  return test
}

/** How many connections a pool has, and how many of them are idle. */
export const countsOf = async (db: Database<unknown, mysql.Pool>): Promise<{ total: number; idle: number }> => {
  const { _allConnections, _freeConnections } = (await db.pool).pool as unknown as Record<
    '_allConnections' | '_freeConnections',
    { length: number }
  >
  return { total: _allConnections.length, idle: _freeConnections.length }
}
