import type mysql from 'mysql2/promise'
import type { Database } from '../../../src/database-adapter.ts'
import { checkOptions } from '../../../src/options.ts'
import { type Mapped, openPool, type PoolOptions, poolRules } from '../pool/pool-options.ts'
import { MysqlDriver } from './driver.ts'

/** What mysql2 is configured with, less what `mysqlPool()` has options of its own for. */
export type MysqlConfig = Omit<
  mysql.PoolOptions,
  | 'connectionLimit'
  | 'connectTimeout'
  | 'gracefulEnd'
  | 'idleTimeout'
  | 'maxIdle'
  | 'Promise'
  | 'queueLimit'
  | 'resetOnRelease'
  | 'stream'
  | 'waitForConnections'
>

/** What `mysqlPool()` takes; without a `config` it connects to `localhost:3306`. */
export type MysqlPoolOptions<L = mysql.PoolConnection> = PoolOptions<MysqlConfig> & Mapped<mysql.PoolConnection, L>

const rules = poolRules([
  'connectionLimit',
  'connectTimeout',
  'gracefulEnd',
  'idleTimeout',
  'maxIdle',
  'Promise',
  'queueLimit',
  'resetOnRelease',
  'stream',
  'waitForConnections',
])

/**
 * MySQL and MariaDB through a pool of `mysql2`: one for each worker, within one budget for the environment. Call it once,
 * outside the handler; it connects when the first request asks for a client, which is a `PoolConnection` of
 * `mysql2/promise`.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range, and for fewer connections than workers.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { mysqlPool } from 'middy-managed-instances/database/mysql2'
 *
 * const orders = mysqlPool({ connections: 16, config: { host: 'db.example.com', database: 'orders' } })
 *
 * export const handler = middy<{ id: number }>(managed())
 *   .use(database({ db: orders }))
 *   .handler(async ({ id }, { db }) => {
 *     const client = await db.client()
 *     const [rows] = await client.query('SELECT * FROM orders WHERE id = ?', [id])
 *     return rows
 *   })
 * ```
 */
export const mysqlPool = <L = mysql.PoolConnection>(options: MysqlPoolOptions<L>): Database<L, mysql.Pool> => {
  const checked = checkOptions<MysqlPoolOptions<L>>('mysqlPool()', rules, options)
  return openPool('mysqlPool()', checked, (settings) => new MysqlDriver(settings))
}
