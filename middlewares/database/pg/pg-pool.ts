import type pg from 'pg'
import type { Database } from '../../../src/database-adapter.ts'
import { logLine } from '../../../src/log.ts'
import { aBoolean, aFunction, checkOptions, milliseconds, oneOf, type Rules, required } from '../../../src/options.ts'
import { runtime } from '../../../src/runtime/environment.ts'
import { aBudget, shareOf } from '../budget.ts'
import { CredentialStore, type Credentials, someCredentials } from '../credentials.ts'
import { type Leak, logLeak } from '../pool/leak.ts'
import { LeasedPool } from '../pool/leased-pool.ts'
import type { Reset } from '../pool/restore.ts'
import { PgDriver } from './driver.ts'

/** What node-postgres is configured with, less what `pgPool()` has options of its own for. */
export type PgConfig = Omit<
  pg.PoolConfig,
  'max' | 'min' | 'Client' | 'Promise' | 'maxLifetimeSeconds' | 'connectionTimeoutMillis' | 'verify' | 'onConnect'
>

/** What `pgPool()` takes. */
export interface PgPoolOptions {
  /**
   * The most connections of one execution environment: each of its workers gets an equal share, rounded down. The
   * server sees as many times this number as there are environments.
   */
  connections: number
  /** What node-postgres is configured with: `host`, `database`, `ssl` and so on. @defaultValue the variables PGHOST and so on */
  config?: PgConfig
  /**
   * The login, asked for each physical connection: a password, `{ username, password }`, a function or a source such
   * as `secret('orders/db', { transform: 'json' })`. If the server refuses it, a source is refreshed, or a function asked
   * again, and the connection tried once more. @defaultValue what `config` says
   */
  credentials?: Credentials
  /** Milliseconds a request waits for a client at most; less if it has less time left. @defaultValue 10000 */
  acquireTimeout?: number
  /** Milliseconds one attempt to connect may take. @defaultValue 3000 */
  connectTimeout?: number
  /** Milliseconds after which a connection is replaced, give or take a quarter. @defaultValue 1800000: half an hour */
  maxLifetime?: number
  /**
   * When settings, roles, temporary tables, advisory locks, cursors and LISTEN are taken away before the next request
   * gets the connection: after requests whose statements, by their words, leave some (`'dirty'`), after every one
   * (`'always'`, where functions of your own do), or never (`'off'`, behind RDS Proxy). @defaultValue 'dirty'
   */
  reset?: Reset
  /** Notes where each client is asked for, to be seen in leaks; takes some microseconds. For tests. @defaultValue false */
  stacks?: boolean
  /** Told of everything a request left behind. @defaultValue one structured line by `console.warn` */
  onLeak?: (leak: Leak) => void
  /** Told of errors of idle connections, which are replaced. @defaultValue one structured line by `console.warn` */
  onError?: (error: Error) => void
}

interface Mapped<L> {
  /** What each request gets in place of the client: an instance of Kysely or Drizzle, or what you like. */
  map?: (client: pg.PoolClient) => L
}

const rules: Rules<PgPoolOptions & Mapped<unknown>> = {
  connections: required(aBudget),
  config: {
    expected: 'an object without max, min, Client, maxLifetimeSeconds and connectionTimeoutMillis',
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      !['max', 'min', 'Client', 'maxLifetimeSeconds', 'connectionTimeoutMillis'].some((key) => key in value),
  },
  credentials: someCredentials,
  acquireTimeout: milliseconds,
  connectTimeout: milliseconds,
  maxLifetime: milliseconds,
  reset: oneOf('dirty', 'always', 'off'),
  stacks: aBoolean,
  onLeak: aFunction,
  onError: aFunction,
  map: aFunction,
}

const logIdleError = (error: Error): void =>
  logLine('WARN', {
    code: 'DATABASE_CONNECTION_LOST',
    message: `pgPool(): an idle connection was lost and will be replaced when needed: ${error.message}`,
  })

/**
 * PostgreSQL through a pool of node-postgres (`pg`): one for each worker, within one budget for the environment. Call it
 * once, outside the handler; it connects when the first request asks for a client.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range, and for fewer connections than workers.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { pgPool } from 'middy-managed-instances/database/pg'
 *
 * const orders = pgPool({ connections: 16, config: { host: 'db.example.com', database: 'orders' } })
 *
 * export const handler = middy<{ id: number }>(managed())
 *   .use(database({ db: orders }))
 *   .handler(async ({ id }, { db }) => {
 *     const client = await db.client()
 *     const { rows } = await client.query('SELECT * FROM orders WHERE id = $1', [id])
 *     return rows[0]
 *   })
 * ```
 */
export const pgPool = <L = pg.PoolClient>(options: PgPoolOptions & Mapped<L>): Database<L, pg.Pool> => {
  const {
    connections,
    config = {},
    credentials,
    acquireTimeout = 10_000,
    connectTimeout = 3_000,
    maxLifetime = 1_800_000,
    reset = 'dirty',
    stacks = false,
    onLeak = logLeak,
    onError = logIdleError,
    map = (client) => client as L,
  } = checkOptions<PgPoolOptions & Mapped<L>>('pgPool()', rules, options)
  const share = shareOf('pgPool()', connections)
  const driver = new PgDriver({
    name: 'pgPool()',
    share,
    config,
    credentials: credentials === undefined ? undefined : new CredentialStore('pgPool()', credentials),
    connectTimeout,
    maxLifetime,
    traces: reset !== 'off',
    onError,
  })
  const awaitsRestoration = !runtime.managedInstances
  return new LeasedPool({ driver, share, acquireTimeout, stacks, reset, map, onLeak, awaitsRestoration })
}
