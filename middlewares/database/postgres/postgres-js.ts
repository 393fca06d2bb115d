import type postgres from 'postgres'
import type { Database } from '../../../src/database-adapter.ts'
import { checkOptions } from '../../../src/options.ts'
import { type Mapped, openPool, type PoolOptions, poolRules } from '../pool/pool-options.ts'
import type { PostgresConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { PostgresDriver } from './driver.ts'
import { SharedPostgres } from './shared-postgres.ts'

const taken = [
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
export type PostgresConfig = Omit<postgres.Options<Record<string, postgres.PostgresType>>, (typeof taken)[number]>

/** What `postgresJs()` takes; without a `config` the variables PGHOST and so on say where the server is. */
export type PostgresJsOptions<L = postgres.Sql> = Omit<PoolOptions<PostgresConfig>, 'stacks'> & Mapped<postgres.Sql, L>

// Where a query waits for its connection says nothing of where it was made.
const { stacks, ...rules } = poolRules(taken)

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
export const postgresJs = <L = postgres.Sql>(options: PostgresJsOptions<L>): Database<L, postgres.Sql> => {
  const name = 'postgresJs()'
  const { map = (sql: postgres.Sql) => sql as L, ...checked } = checkOptions<PostgresJsOptions<L>>(name, rules, options)
  const { config: { pass, password = pass } = {} } = checked
  // What fails of it within postgres.js would end the worker.
  if (typeof (password ?? '') !== 'string' && typeof password !== 'function')
    throw new TypeError(`${name}: config.password must be a string or a function, received a ${typeof password}.`)
  if (typeof password === 'function') checked.credentials ??= password
  const pool = openPool<Connections, PostgresConnection, PostgresConfig, PostgresConnection>(
    name,
    checked,
    (settings) => new PostgresDriver(settings),
  )
  return new SharedPostgres(pool, map)
}
