import type pg from 'pg'

/** What query builders ask of a pool. */
export interface PoolOfOne {
  readonly options: object
  connect(): Promise<pg.PoolClient>
  end(): Promise<void>
}

/**
 * A pool that is one client, for query builders that want a pool: for Kysely's `PostgresDialect`, in `map`. Those who
 * ask for it at the same time get it one after the other, so that a query beside a transaction does not become part of it.
 *
 * @example
 * ```ts
 * import { pgPool, poolOfOne } from 'middy-managed-instances/database/pg'
 *
 * const orders = pgPool({
 *   connections: 16,
 *   map: (client) => ({ pool: poolOfOne(client) }), // new Kysely({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) })
 * })
 * ```
 */
export const poolOfOne = (client: pg.PoolClient): PoolOfOne => {
  let last: Promise<void> = Promise.resolve()
  return {
    options: {},
    connect: async () => {
      const turn = last
      const { promise, resolve } = Promise.withResolvers<void>()
      last = promise
      await turn
      const query = client.query.bind(client)
      return { query, release: () => resolve() } as unknown as pg.PoolClient
    },
    end: async () => {},
  }
}
