import { readFile } from 'node:fs'
import type postgres from 'postgres'
import { cursorOf, isQuery, type Query, type QueryHandler } from './query.ts'

/** What becomes of the queries of one handle. */
export interface QueryRunner {
  readonly send: QueryHandler
  readonly cancel: NonNullable<Query['canceller']>
  /** What ends a cursor of postgres.js. */
  readonly close: unknown
}

type Origin = Pick<postgres.Sql, keyof postgres.ISql> & ((...parts: unknown[]) => unknown)

/**
 * A `sql` whose queries are `origin`'s, with all that these can do, and go where `runner` sends them. What is no query
 * (identifiers, helpers, values with a type) belongs to nobody and is as `origin` makes it.
 */
export const sqlOf = (origin: postgres.ISql, { send, cancel, close }: QueryRunner, own: object): unknown => {
  const make = origin as unknown as Origin
  const cursor = cursorOf(close)
  const adopt = (query: Query, handler: QueryHandler = send): Query => {
    query.handler = handler
    query.canceller = cancel
    query.cursor = cursor
    return query
  }
  const sql = (...parts: unknown[]): unknown => {
    const made = make(...parts)
    if (!isQuery(made)) return made
    // postgres.js keeps where each literal was first made, and with it that request, until somebody has asked for it.
    if (!send.debug) void made.origin
    return adopt(made)
  }
  const unsafe = (...text: [string]): unknown => adopt(origin.unsafe(...text) as unknown as Query)
  const file = (path: string, ...rest: []): unknown => {
    const query = origin.file(path, ...rest) as unknown as Query
    return adopt(query, () => {
      readFile(path, 'utf8', (error, text) => {
        if (error) return query.reject(error)
        query.strings = [text]
        send(query)
      })
    })
  }
  const notify = (channel: string, payload: unknown): unknown => sql`SELECT pg_notify(${channel}, ${`${payload}`})`
  const { types, typed, array, json } = origin
  return Object.assign(sql, { types, typed, array, json, unsafe, file, notify }, own)
}
