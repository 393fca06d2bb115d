import type { Readable } from 'node:stream'
import type { EnvironmentExit } from './environment-process.ts'
import type { HttpMetadata, InvocationResult } from './results.ts'
import type { RuntimeStats } from './statistics.ts'

/** How one invocation is made. */
export interface InvokeOptions {
  /** Time it is given, in milliseconds. Default: the runtime's. */
  readonly timeout?: number
  /** Ends the wait for the result; the function is not stopped. */
  readonly signal?: AbortSignal
  /** `context.awsRequestId`. Default: a new UUID. */
  readonly requestId?: string
  /** `context.clientContext`. */
  readonly clientContext?: unknown
  /** `context.tenantId`. */
  readonly tenantId?: string
  /** `context.xRayTraceId`. Default: a new one, not sampled. */
  readonly traceId?: string
}

/** How a streamed invocation is made. */
export interface InvokeStreamOptions extends InvokeOptions {
  /** Leaves the HTTP metadata where the function wrote it: at the head of the body. Default `false`. */
  readonly keepMetadata?: boolean
}

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

/** How many invocations are made. */
export interface BurstOptions extends Omit<InvokeOptions, 'requestId'> {
  /** Invocations in flight at once. Default: the runtime's `concurrency`. */
  readonly concurrency?: number
  /** Called with each result as it comes. */
  readonly onResult?: (result: InvocationResult, index: number) => void
}

/** One LMI execution environment on this machine. */
export interface LocalRuntime extends AsyncDisposable {
  /**
   * Invokes the function once and waits for its end; every end is a result, not an exception.
   *
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
