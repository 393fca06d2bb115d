import { Readable, Stream } from 'node:stream'
import { finished } from 'node:stream/promises'
import type postgres from 'postgres'
import { inContext } from '../pool/in-context.ts'
import { unlessLost } from './unless-lost.ts'

type Settle = (value: unknown) => void

/** What a query of postgres.js is made of. It is the same for every version since 3.0, and not declared. */
export interface Query extends Promise<unknown> {
  /** Sends it, once it is awaited. */
  handler: QueryHandler
  /** What `cancel()` calls. */
  canceller: ((query: Query) => Promise<void> | undefined) | null
  resolve: Settle
  reject: Settle
  /** Where it was made. */
  readonly origin: string
  /** The text, once it has been sent. */
  readonly string?: string
  /** What the server has said of it. */
  readonly statement?: { readonly columns?: readonly unknown[] | null } | null
  strings: readonly string[]
  readonly cancelled: unknown
  readonly cursorRows?: number
  cursorFn?: (rows: unknown) => unknown
  forEachFn?: (row: unknown) => unknown
  cursor: (this: Query, ...cursor: unknown[]) => unknown
  /** What it has failed of, once it has. */
  failure?: unknown
  /** What its callback does with the rows it has been called with last. */
  step?: Promise<unknown>
  /** Whether the rows of its COPY have been left before the end. */
  isLeft?: boolean
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

/** Whether the server has begun to answer with rows. */
export const hasColumns = ({ statement }: Query): boolean => (statement?.columns?.length ?? 0) > 0

/**
 * Whether a failure of its own, not of the server's, leaves postgres.js out of step with the server: behind a row of a
 * cursor that can't be read it asks once too often, and of a COPY that is left it reads no more.
 */
export const isOutOfStep = ({ cursorRows, isLeft }: Query, error: unknown): boolean =>
  error !== undefined && !isOfServer(error) && (cursorRows !== undefined || isLeft === true)

const isOfServer = (error: unknown): boolean => (error as { severity?: unknown } | null)?.severity !== undefined

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
}

/**
 * The `cursor()` of a query, whose cursors fail when their query does.
 *
 * @param close - what ends a cursor of postgres.js.
 */
export const cursorOf = (close: unknown): Query['cursor'] =>
  function (this: Query, ...cursor) {
    const made = Object.getPrototypeOf(this).cursor.apply(this, cursor) as AsyncIterable<unknown> | Query
    if (made !== this) return stepsThatFail(this, made as AsyncIterable<unknown>)
    if (this.cursorFn !== undefined) callStepByStep(this, this.cursorFn, close)
    return made
  }

/**
 * Has a failed callback close its cursor, then fail the query. Otherwise postgres.js would put the rows of the next
 * query behind those it has read; and of what the callback does with the last ones, it would not hear.
 */
const callStepByStep = (query: Query, callback: NonNullable<Query['cursorFn']>, close: unknown): void => {
  const bound = inContext(callback)
  query.cursorFn = (rows) => {
    query.step = unlessLost(
      () => query.failure !== undefined,
      async () => bound(rows),
    )
    return query.step.catch(() => close)
  }
}

/** For postgres.js, a connection that is lost between two steps is the end of the rows. */
const stepsThatFail = (query: Query, made: AsyncIterable<unknown>): AsyncIterable<unknown> => ({
  [Symbol.asyncIterator]: () => {
    const steps = made[Symbol.asyncIterator]()
    return {
      next: async () => {
        if (query.failure !== undefined) throw query.failure
        return steps.next()
      },
      // It would be written to a connection that may be lost, or serve another query.
      return: async () =>
        query.failure === undefined && steps.return !== undefined ? steps.return() : { done: true, value: undefined },
    }
  },
})

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
    if (query.step === undefined) settle(value)
    else query.step.then(() => settle(value), query.reject)
    if (!(value instanceof Stream)) return end()
    // Of a COPY: it takes the connection until its stream has ended. Unheard, its error would end the worker.
    value.on('error', ignore)
    finished(value as Readable).then(
      () => end(),
      (error) => {
        query.isLeft = value instanceof Readable
        end(error)
      },
    )
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
