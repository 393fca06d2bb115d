import type { Database } from '../../src/database-adapter.ts'
import { checkOptions, type Rules, required, text } from '../../src/options.ts'
import { type Added, contextMiddleware } from '../../src/scope/middleware.ts'
import { RequestDatabase } from './request-database.ts'

/** What `database()` takes. */
export interface DatabaseOptions<L, P = unknown> {
  /** The database: what `pgPool()` or another adapter has made, outside the handler. */
  db: Database<L, P>
  /** The key of the Lambda context under which the handler finds it. @defaultValue 'db' */
  contextKey?: string
}

/** What one request has of a database. */
export interface Db<out L, out P = unknown> {
  /**
   * This request's client: the same at every call, taken at the first, given back clean when the request ends.
   *
   * @throws {@link DatabaseBusyError}, {@link DatabaseConnectError}, {@link DatabaseClosedError},
   *   {@link DriverMissingError}, {@link RequestEndedError}
   */
  client(): Promise<L>
  /** One more client, for work beside `client()`. Goes back at the end, or with `release()`. @throws as `client()` */
  acquire(): Promise<L>
  /**
   * Gives a client back before the request ends; does nothing after that, when it has gone back by itself.
   *
   * @throws {@link LeaseReleasedError} if it has been given back.
   */
  release(client: NoInfer<L>): Promise<void>
  /** The driver's own pool, for `(await db.pool).query(...)` and the like: what is done with it is not the request's. */
  readonly pool: Promise<P>
}

const rules: Rules<{ db: unknown; contextKey?: string }> = {
  db: required({
    expected: 'a database as pgPool() or another adapter makes it',
    accepts: (value) => typeof (value as Partial<Database<unknown>> | null | undefined)?.acquire === 'function',
  }),
  contextKey: text,
}

/**
 * Lends every request that asks for one a database client, as `context.db`, and takes it back clean when the request
 * ends, whichever way it ends. A request that does not ask takes nothing.
 *
 * @throws TypeError for an unknown option or one of the wrong type.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { pgPool } from 'middy-managed-instances/database/pg'
 *
 * const orders = pgPool({ connections: 16 })
 *
 * export const handler = middy<{ id: number; state: string }>(managed())
 *   .use(database({ db: orders }))
 *   .handler(async ({ id, state }, { db }) => {
 *     const client = await db.client()
 *     await client.query('BEGIN')
 *     await client.query('UPDATE orders SET state = $2 WHERE id = $1', [id, state])
 *     await client.query('COMMIT')
 *   })
 * ```
 */
export const database = <L, const K extends string = 'db', P = unknown>(
  options: DatabaseOptions<L, P> & { contextKey?: K },
): Added<K, Db<L, P>> => {
  const { db, contextKey = 'db' as K } = checkOptions<DatabaseOptions<L, P> & { contextKey?: K }>(
    'database()',
    rules,
    options,
  )
  return contextMiddleware<K, Db<L, P>>('database', contextKey, (scope) => new RequestDatabase(scope, db))
}
