import type pg from 'pg'
import type { Database } from '../../../src/database-adapter.ts'
import { checkOptions } from '../../../src/options.ts'
import { type Mapped, openPool, type PoolOptions, poolRules } from '../pool/pool-options.ts'
import { PgDriver } from './driver.ts'

/** What node-postgres is configured with, less what `pgPool()` has options of its own for. */
export type PgConfig = Omit<
  pg.PoolConfig,
  | 'max'
  | 'min'
  | 'Client'
  | 'Promise'
  | 'maxLifetimeSeconds'
  | 'connectionTimeoutMillis'
  | 'verify'
  | 'onConnect'
  | 'pipeline'
>

/** What `pgPool()` takes; without a `config` the variables PGHOST and so on say where the server is. */
export type PgPoolOptions<L = pg.PoolClient> = PoolOptions<PgConfig> & Mapped<pg.PoolClient, L>

const rules = poolRules([
  'max',
  'min',
  'Client',
  'Promise',
  'maxLifetimeSeconds',
  'connectionTimeoutMillis',
  'verify',
  'onConnect',
  // What is sent already can't be kept from being carried out behind a cancelled query.
  'pipeline',
])

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
export const pgPool = <L = pg.PoolClient>(options: PgPoolOptions<L>): Database<L, pg.Pool> => {
  const { ...checked } = checkOptions<PgPoolOptions<L>>('pgPool()', rules, options)
  const { password } = checked.config ?? {}
  // One that fails without a reason node-postgres takes for one that has not failed.
  if (typeof password === 'function') checked.credentials ??= password
  return openPool('pgPool()', checked, (settings) => new PgDriver(settings))
}
