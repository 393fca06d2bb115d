import type { Readable } from 'node:stream'
import type { EnvironmentExit } from './environment-process.ts'
import type { BurstOptions, InvokeOptions, InvokeStreamOptions } from './invoke-options.ts'
import type { HttpMetadata, InvocationResult } from './results.ts'
import type { RuntimeStats } from './statistics.ts'

/** A response that arrives as the function writes it. */
export interface StreamedInvocation {
  readonly requestId: string
  /** The response's content type. */
  readonly contentType: string
  /** The HTTP metadata that stood before the body. */
  readonly metadata: HttpMetadata | undefined
  /** The bytes as written. Destroying it breaks the function's connection, as a client that leaves does. */
  readonly body: Readable
  /** How the invocation ends; its `body` is empty. */
  readonly result: Promise<InvocationResult>
}

/** One LMI execution environment on this machine. */
export interface LocalRuntime extends AsyncDisposable {
  /**
   * Invokes the function once and waits for its end; every end is a result, not an exception.
   *
   * @throws {TypeError} when an option is unknown or of the wrong type or range
   * @throws {NotRunningError} when the environment has ended or was stopped before the call
   * @throws {EventInvalidError} when the event has no JSON form or is over 6 MB
   * @throws the reason of `options.signal` when it aborts
   */
  invoke(event?: unknown, options?: InvokeOptions): Promise<InvocationResult>
  /**
   * Invokes the function once and resolves when its response begins.
   *
   * @throws as `invoke`
   */
  invokeStream(event?: unknown, options?: InvokeStreamOptions): Promise<StreamedInvocation>
  /**
   * Invokes the function once for each event and gives the results in the events' order.
   *
   * @throws {TypeError} when an option is unknown or of the wrong type or range
   * @throws {NotRunningError} when the environment has ended or was stopped before the call
   */
  burst(events: Iterable<unknown>, options?: BurstOptions): Promise<InvocationResult[]>
  /** What has happened so far. */
  stats(): RuntimeStats
  /** Lines the environment wrote, oldest first: all of them, those of one request, or with `-` those of none. */
  logs(requestId?: string): string[]
  /** Ends the process for certain (SIGTERM, then SIGKILL after `stopTimeout`) and everything the runtime holds. Idempotent. */
  stop(): Promise<void>
  /** Sends a signal to the environment's process; `false` when it has ended. */
  kill(signal?: NodeJS.Signals): boolean
  /** The environment's process id. */
  readonly pid: number
  /** Resolves when the process has ended, whatever ended it. */
  readonly exited: Promise<EnvironmentExit>
  /** The most invocations in flight at once. */
  readonly concurrency: number
  /** Invocations in flight now. */
  readonly inFlight: number
  /** The directory the function has for temporary files. */
  readonly tmp: string
}
