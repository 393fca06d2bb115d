import type { Connection } from 'mysql2'
import type mysql from 'mysql2/promise'

/** A connection as query builders use it. */
export interface ConnectionOfOne extends Pick<Connection, 'config' | 'query' | 'threadId'> {
  connect(callback?: (error: unknown) => void): void
  release(): void
  destroy(): void
}

/** What query builders ask of a pool. */
export interface PoolOfOne {
  getConnection(callback: (error: unknown, connection: ConnectionOfOne) => void): void
  end(callback: (error: unknown) => void): void
}

/**
 * A pool that is one client, for query builders that want a pool: for Kysely's `MysqlDialect`, in `map`. Those who ask
 * for it at the same time get it one after the other, so that a query beside a transaction does not become part of it.
 *
 * @example
 * ```ts
 * import { mysqlPool, poolOfOne } from 'middy-managed-instances/database/mysql2'
 *
 * const orders = mysqlPool({
 *   connections: 16,
 *   map: (client) => ({ pool: poolOfOne(client) }), // new Kysely({ dialect: new MysqlDialect({ pool: poolOfOne(client) }) })
 * })
 * ```
 */
export const poolOfOne = (client: mysql.PoolConnection): PoolOfOne => {
  let last: Promise<void> = Promise.resolve()
  const connection = client.connection as unknown as Connection
  return {
    getConnection: (callback) => {
      const turn = last
      const { promise, resolve } = Promise.withResolvers<void>()
      last = promise
      void turn.then(() =>
        callback(null, {
          config: connection.config,
          query: connection.query.bind(connection) as Connection['query'],
          connect: connection.connect.bind(connection),
          get threadId() {
            return connection.threadId
          },
          release: () => resolve(),
          destroy: () => {
            connection.destroy()
            resolve()
          },
        }),
      )
    },
    end: (callback) => callback(null),
  }
}
