import type { Metric } from './metric.ts'

/**
 * How a request ended: `returned`; `early` (another middleware answered before the handler ran); `threw` (also if an
 * `onError` made an answer of it); `timedOut`; `disconnected` (the client of a stream left); `suspended` (durable).
 */
export type Outcome = 'returned' | 'early' | 'threw' | 'timedOut' | 'disconnected' | 'suspended'

/** What a release is told of the request that ended. */
export interface Ending {
  readonly outcome: Outcome
  /** Whether the handler is known to have stopped; if not, it may still be using what is released. */
  readonly handlerSettled: boolean
}

/** What one release is told. */
export interface ReleaseEnding extends Ending {
  /** Reports a problem without failing the release, also later on; goes where a failed release is reported. */
  readonly report: (cause: unknown) => void
}

/** Gives back one resource. It runs once; what it throws is reported and changes no answer. */
export type Release = (ending: ReleaseEnding) => unknown

/** Runs code around the handler: call `next` to run it, and return what shall be the handler's result. */
export type HandlerWrapper = (next: () => unknown) => unknown

/**
 * Everything that lives as long as one request.
 *
 * @example
 * ```ts
 * import { currentScope } from 'middy-managed-instances'
 * import { open } from 'node:fs/promises'
 *
 * export const openForRequest = async (path: string) => {
 *   const file = await open(path)
 *   currentScope()?.defer('file', () => file.close())
 *   return file
 * }
 * ```
 */
export interface Scope {
  /**
   * Aborts at the deadline, when the client of a stream leaves, and at the end of a request whose handler has not
   * settled. A clean end aborts nothing. The handler gets the same object as `context.signal` and in its third argument.
   */
  readonly signal: AbortSignal
  /** When the request times out, in milliseconds since the epoch; `Infinity` for a context that has no deadline. */
  readonly deadline: number
  /** How the request ended; `undefined` while it runs. */
  readonly outcome: Outcome | undefined
  /** Resolves when the handler has really stopped, however late, or is certain never to run; never rejects. */
  readonly handlerSettled: Promise<void>
  /**
   * Has `release` called once when the scope closes: last deferred, first released. Returns a function that releases
   * it at once instead. On a scope that has closed, `release` is called at once.
   *
   * @throws {@link RequestEndedError} if the scope has closed.
   */
  defer(name: string, release: Release): () => Promise<void>
  /**
   * Runs `wrapper` around this request's handler; the first one given is the outermost. For a `before` hook.
   *
   * @throws {@link ManagedRequiredError} without `managed()`.
   */
  wrapHandler(wrapper: HandlerWrapper): void
  /** Opens a scope within this one, that closes on its own or at the latest with this one. */
  fork(name: string): ForkedScope
  /** Whether anybody listens to what is recorded: what costs something to measure is measured only then. */
  readonly recording: boolean
  /**
   * Tells those who listen what the request has used of something: `powertools({ resources: true })` adds up what has
   * one name. Nothing happens if nobody listens.
   */
  record(metric: Metric): void
  /** Has `listener` told of what is recorded from now on, in this scope and in those within it. */
  onRecord(listener: (metric: Metric) => void): void
}

/** A scope within a request's scope: it shares its signal and deadline and has releases of its own. */
export interface ForkedScope extends Scope {
  /**
   * Releases what was deferred to the fork. A second call does nothing.
   *
   * @param outcome - how what it was opened for ended. Default 'returned'.
   * @param handlerSettled - whether that is known to have stopped. Default true.
   */
  close(outcome?: Outcome, handlerSettled?: boolean): Promise<void>
}
