import { type Readable, Stream } from 'node:stream'
import { finished } from 'node:stream/promises'
import type postgres from 'postgres'
import { inContext } from '../pool/in-context.ts'

type Settle = (value: unknown) => void

/** What a query of postgres.js is made of. It is the same for every version since 3.0, and not declared. */
export interface Query extends Promise<unknown> {
  /** Sends it, once it is awaited. */
  handler: QueryHandler
  /** What `cancel()` calls. */
  canceller: ((query: Query) => Promise<void> | undefined) | null
  resolve: Settle
  reject: Settle
  /** The text, once it has been sent. */
  readonly string?: string
  strings: readonly string[]
  readonly cancelled: unknown
  readonly cursorRows?: number
  cursorFn?: (rows: unknown) => unknown
  forEachFn?: (row: unknown) => unknown
  cursor: (...cursor: unknown[]) => unknown
  /** What it has failed of, once it has. */
  failure?: unknown
}

export interface QueryHandler {
  (query: Query): unknown
  /** Whether queries note where they are made. */
  debug?: unknown
}

/** How a `postgres()` of one connection sends a query and cancels it. */
export interface QueryPrimitives {
  readonly send: QueryHandler
  readonly cancel: (query: Query) => Promise<void> | undefined
}

export const isQuery = (value: unknown): value is Query => value instanceof Promise

/** @throws TypeError if this version of postgres.js is made differently. */
export const primitivesOf = (sql: postgres.Sql): QueryPrimitives => {
  const { handler, canceller } = sql.unsafe('') as unknown as Partial<Query>
  if (typeof handler !== 'function' || typeof canceller !== 'function')
    throw new TypeError(
      'postgresJs(): this version of the package "postgres" is made differently. Install postgres@3.4.',
    )
  return { send: handler, cancel: canceller }
}

const ignore = (): void => {}

/** Keeps the failure of something that nobody may be left to hear of from ending the worker. */
export const silence = (work: Promise<unknown>): void => {
  // Not its own catch(), which would send a query.
  Promise.prototype.then.call(work, undefined, ignore)
}

export const bindCallbacks = (query: Query): void => {
  if (query.forEachFn !== undefined) query.forEachFn = inContext(query.forEachFn)
  if (query.cursorFn !== undefined) query.cursorFn = inContext(query.cursorFn)
}

/** For the cursors of postgres.js, a connection that is lost between two steps is the end of the rows. */
export function cursorThatFails(this: Query, ...cursor: unknown[]): unknown {
  const made = Object.getPrototypeOf(this).cursor.apply(this, cursor) as AsyncIterable<unknown> | Query
  if (made === this) return made
  return {
    [Symbol.asyncIterator]: () => {
      const steps = (made as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      return {
        next: async () => {
          if (this.failure !== undefined) throw this.failure
          return steps.next()
        },
        return: async () => steps.return?.(),
      }
    },
  }
}

/** Calls `done` once, when a query has ended and left its connection, with the error it failed with. */
export const followQuery = (query: Query, done: (error: unknown) => void): void => {
  let tell: typeof done | undefined = done
  const end = (error?: unknown): void => {
    const told = tell
    if (told === undefined) return
    // postgres.js has functions in old space that keep the query: it leads to nothing of its request any more.
    tell = undefined
    query.handler = ignore
    query.canceller = null
    query.failure = error
    told(error)
  }
  const resolving = (settle: Settle) => (value: unknown) => {
    settle(value)
    if (!(value instanceof Stream)) return end()
    // Of a COPY: it takes the connection until its stream has ended. Unheard, its error would end the worker.
    value.on('error', ignore)
    finished(value as Readable).then(() => end(), end)
  }
  const rejecting = (settle: Settle) => (error: unknown) => {
    settle(error)
    end(error)
  }
  query.resolve = resolving(query.resolve)
  query.reject = rejecting(query.reject)
  if (query.cursorRows === undefined) return
  // A cursor that is iterated over is given new ones for each step.
  let { resolve, reject } = query
  Object.defineProperty(query, 'resolve', {
    get: () => resolve,
    set: (settle: Settle) => {
      resolve = resolving(settle)
    },
  })
  Object.defineProperty(query, 'reject', {
    get: () => reject,
    set: (settle: Settle) => {
      reject = rejecting(settle)
    },
  })
}

/** Fails a query that may have nobody left to hear of it. */
export const refuse = (query: Query, error: unknown): void => {
  silence(query)
  query.reject(error)
}
