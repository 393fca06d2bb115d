const brand = Symbol.for('middy-managed-instances.error')

/** The literal `code` of every error this package throws or reports. */
export type ManagedErrorCode =
  | 'CONTEXT_KEY'
  | 'DATABASE_BUSY'
  | 'DATABASE_CLOSED'
  | 'DATABASE_CONNECT'
  | 'DRIVER_MISSING'
  | 'LEASE_RELEASED'
  | 'MANAGED_REQUIRED'
  | 'PARAMETER_FETCH'
  | 'PARAMETER_MISSING'
  | 'PARAMETER_TIMEOUT'
  | 'PARAMETER_TRANSFORM'
  | 'RELEASE_FAILED'
  | 'REQUEST_ENDED'
  | 'WORKSPACE_FULL'
  | 'WORKSPACE_PATH'
  | 'WORKSPACE_ROOT'

/**
 * The base of every error of this package: a literal `code`, typed `data`, and a message that says what to do.
 *
 * @example
 * ```ts
 * import { isManagedError } from 'middy-managed-instances'
 *
 * const retryable = (error: unknown): boolean => isManagedError(error) && error.code === 'WORKSPACE_FULL'
 * ```
 */
export abstract class ManagedError<Data extends object = object> extends Error {
  /** What happened, for a program: stable over releases. */
  abstract readonly code: ManagedErrorCode
  /** The values the message speaks of. */
  readonly data: Data
  /** Whether the same request may succeed when it is sent again. */
  readonly retryable: boolean = false

  constructor(message: string, data: Data, options?: ErrorOptions) {
    super(message, options)
    this.data = data
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * Tells whether a value is an error of this package, also when two copies of the package are loaded.
 *
 * @example
 * ```ts
 * import { isManagedError } from 'middy-managed-instances'
 *
 * const codeOf = (error: unknown): string | undefined => (isManagedError(error) ? error.code : undefined)
 * ```
 */
export const isManagedError = (error: unknown): error is ManagedError =>
  typeof error === 'object' && error !== null && brand in error

/**
 * Something that belongs to a request was used after that request had ended; also the `reason` of a request's signal, but
 * at the early timeout, where it is Middy's own `AbortError`.
 *
 * @example
 * ```ts
 * import { RequestEndedError } from 'middy-managed-instances'
 *
 * const stoppedInTime = (error: unknown): boolean => error instanceof RequestEndedError
 * ```
 */
export class RequestEndedError extends ManagedError<{ readonly resource: string; readonly outcome: string }> {
  override readonly name = 'RequestEndedError'
  readonly code = 'REQUEST_ENDED'

  constructor(resource: string, outcome: string, options?: ErrorOptions) {
    super(
      `${resource}: the request it belongs to has ended (${outcome}). Stop when the handler's signal aborts, and await ` +
        'everything the handler starts before it returns.',
      { resource, outcome },
      options,
    )
  }
}

/**
 * A middleware needs to wrap the handler or to close on every path, which only `middy(managed())` can do.
 *
 * @example
 * ```ts
 * import { ManagedRequiredError } from 'middy-managed-instances'
 *
 * const isSetUpWrong = (error: unknown): boolean => error instanceof ManagedRequiredError
 * ```
 */
export class ManagedRequiredError extends ManagedError<{ readonly feature: string }> {
  override readonly name = 'ManagedRequiredError'
  readonly code = 'MANAGED_REQUIRED'

  constructor(feature: string) {
    super(
      `${feature} needs the request scope of managed(), and this handler was made by a plain middy(). ` +
        'Make it with middy(managed()).use(...).handler(...).',
      { feature },
    )
  }
}

/**
 * A middleware can't put its value on the Lambda context: the key is taken by another of ours, or the context is frozen.
 *
 * @example
 * ```ts
 * import { ContextKeyError } from 'middy-managed-instances'
 *
 * const takenKey = (error: unknown): string | undefined =>
 *   error instanceof ContextKeyError ? error.data.contextKey : undefined
 * ```
 */
export class ContextKeyError extends ManagedError<{ readonly middleware: string; readonly contextKey: string }> {
  override readonly name = 'ContextKeyError'
  readonly code = 'CONTEXT_KEY'

  constructor(middleware: string, contextKey: string, problem: string, options?: ErrorOptions) {
    super(`${middleware}(): context.${contextKey} ${problem}`, { middleware, contextKey }, options)
  }
}

/**
 * Something deferred to a request failed to be released, or took longer than its bound; the answer was not changed by it.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 *
 * const handler = middy(managed({ onReleaseError: (error) => console.warn(error.data.release, error.cause) }))
 * ```
 */
export class ReleaseError extends ManagedError<{
  readonly release: string
  readonly outcome: string
  readonly requestId: string | undefined
}> {
  override readonly name = 'ReleaseError'
  readonly code = 'RELEASE_FAILED'

  constructor(data: ReleaseError['data'], problem: string, options?: ErrorOptions) {
    super(
      `Releasing "${data.release}" ${problem} after the request had ended (${data.outcome}). ` +
        'The answer was not changed by it; look at the cause, or raise releaseTimeout if it only needs longer.',
      data,
      options,
    )
  }
}
