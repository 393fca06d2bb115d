import type postgres from 'postgres'
import type { Database } from '../../../src/database-adapter.ts'
import { logLine } from '../../../src/log.ts'
import { aFunction, checkOptions, milliseconds, oneOf, type Rules, required } from '../../../src/options.ts'
import { runtime } from '../../../src/runtime/environment.ts'
import { aBudget, shareOf } from '../budget.ts'
import { CredentialStore, type Credentials, someCredentials } from '../credentials.ts'
import { type Leak, logLeak } from '../pool/leak.ts'
import type { Reset } from '../pool/restore.ts'
import type { PostgresConnection } from './connection.ts'
import { PostgresDriver } from './driver.ts'
import { SharedPostgres } from './shared-postgres.ts'

const own = [
  'max',
  'max_lifetime',
  'connect_timeout',
  'max_pipeline',
  'backoff',
  'onclose',
  'onparameter',
  'onnotify',
] as const

/** What postgres.js is configured with, less what `postgresJs()` has options of its own for. */
export type PostgresConfig = Omit<postgres.Options<Record<string, postgres.PostgresType>>, (typeof own)[number]>

/** What `postgresJs()` takes. */
export interface PostgresJsOptions {
  /**
   * The most connections of one execution environment: each of its workers gets an equal share, rounded down. The
   * server sees as many times this number as there are environments.
   */
  connections: number
  /** What postgres.js is configured with: `host`, `database`, `ssl` and so on. @defaultValue the variables PGHOST and so on */
  config?: PostgresConfig
  /**
   * The login, asked for each physical connection: a password, `{ username, password }`, a function or a source such
   * as `secret('orders/db', { transform: 'json' })`. If the server refuses it, a source is refreshed, or a function asked
   * again, and the connection tried once more. @defaultValue what `config` says
   */
  credentials?: Credentials
  /** Milliseconds a query or transaction waits for a connection at most; less if the request has less time left. @defaultValue 10000 */
  acquireTimeout?: number
  /** Milliseconds one attempt to connect may take. @defaultValue 3000 */
  connectTimeout?: number
  /** Milliseconds after which a connection is replaced, give or take a quarter. @defaultValue 1800000: half an hour */
  maxLifetime?: number
  /**
   * When settings, temporary tables, advisory locks and so on are taken away before the next query gets the connection:
   * after statements that, by their words, leave some (`'dirty'`), after every one (`'always'`, where functions of your
   * own do), or never (`'off'`, behind RDS Proxy). @defaultValue 'dirty'
   */
  reset?: Reset
  /** Told of everything a request left behind. @defaultValue one structured line by `console.warn` */
  onLeak?: (leak: Leak) => void
  /** Told of errors of idle connections, which are replaced. @defaultValue one structured line by `console.warn` */
  onError?: (error: Error) => void
}

interface Mapped<L> {
  /** What each request gets in place of its `sql`: an instance of Drizzle, or what you like. */
  map?: (sql: postgres.Sql) => L
}

const rules: Rules<PostgresJsOptions & Mapped<unknown>> = {
  connections: required(aBudget),
  config: {
    expected: `an object without ${own.join(', ')}`,
    accepts: (value) => typeof value === 'object' && value !== null && !own.some((key) => key in value),
  },
  credentials: someCredentials,
  acquireTimeout: milliseconds,
  connectTimeout: milliseconds,
  maxLifetime: milliseconds,
  reset: oneOf('dirty', 'always', 'off'),
  onLeak: aFunction,
  onError: aFunction,
  map: aFunction,
}

const logIdleError = (error: Error): void =>
  logLine('WARN', {
    code: 'DATABASE_CONNECTION_LOST',
    message: `postgresJs(): an idle connection was lost and will be replaced when needed: ${error.message}`,
  })

/**
 * PostgreSQL through postgres.js (`postgres`): each request has a `sql` of its own, on connections that all requests of
 * a worker share within one budget for the environment. A query or a transaction has a connection while it runs. Call it
 * once, outside the handler; it connects when the first query is sent.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range, and for fewer connections than workers.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { postgresJs } from 'middy-managed-instances/database/postgres'
 *
 * const orders = postgresJs({ connections: 16, config: { host: 'db.example.com', database: 'orders' } })
 *
 * export const handler = middy<{ id: number }>(managed())
 *   .use(database({ db: orders }))
 *   .handler(async ({ id }, { db }) => {
 *     const sql = await db.client()
 *     const [order] = await sql`SELECT * FROM orders WHERE id = ${id}`
 *     return order
 *   })
 * ```
 */
export const postgresJs = <L = postgres.Sql>(options: PostgresJsOptions & Mapped<L>): Database<L, postgres.Sql> => {
  const name = 'postgresJs()'
  const {
    connections,
    config = {},
    // Of postgres.js' own, a function that fails would end the worker.
    credentials = typeof config.password === 'function' ? config.password : undefined,
    acquireTimeout = 10_000,
    connectTimeout = 3_000,
    maxLifetime = 1_800_000,
    reset = 'dirty',
    onLeak = logLeak,
    onError = logIdleError,
    map = (sql) => sql as L,
  } = checkOptions<PostgresJsOptions & Mapped<L>>(name, rules, options)
  const share = shareOf(name, connections)
  const driver = new PostgresDriver({
    name,
    share,
    config,
    credentials: credentials === undefined ? undefined : new CredentialStore(name, credentials),
    connectTimeout,
    maxLifetime,
    traces: reset !== 'off',
    onError,
  })
  const pool = {
    driver,
    share,
    acquireTimeout,
    stacks: false,
    reset,
    map: (connection: PostgresConnection) => connection,
    onLeak,
    awaitsRestoration: !runtime.managedInstances,
  }
  return new SharedPostgres({ pool, map, onError })
}
