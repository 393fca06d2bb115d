import { ManagedError } from '../../src/errors.ts'

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)

const duration = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.max(0, Math.ceil(milliseconds))} ms` : `${(milliseconds / 1000).toFixed(1)} s`

/**
 * A parameter does not exist; asked for again, the backend is left alone for `negativeTtl`.
 *
 * @example
 * ```ts
 * import { ParameterMissingError, ssm } from 'middy-managed-instances/parameters'
 *
 * const limit = ssm('/orders/limit')
 * export const readLimit = async (): Promise<number> => {
 *   try {
 *     return Number(await limit.get())
 *   } catch (error) {
 *     if (error instanceof ParameterMissingError) return 100
 *     throw error
 *   }
 * }
 * ```
 */
export class ParameterMissingError extends ManagedError<{ readonly source: string }> {
  override readonly name = 'ParameterMissingError'
  readonly code = 'PARAMETER_MISSING'

  constructor(source: string) {
    super(`${source}: it does not exist. Create it, or correct the name, the region or the account.`, { source })
  }
}

/**
 * A parameter could not be fetched, and no value of it is kept that may still be served. Sent again after `retryIn`
 * milliseconds, the request may succeed.
 *
 * @example
 * ```ts
 * import { ParameterFetchError } from 'middy-managed-instances/parameters'
 *
 * const statusOf = (error: unknown): number => (error instanceof ParameterFetchError ? 503 : 500)
 * ```
 */
export class ParameterFetchError extends ManagedError<{
  readonly source: string
  /** Milliseconds since the last value was fetched; `undefined` if there was none. */
  readonly age: number | undefined
  /** How many fetches have failed since. */
  readonly attempts: number
  /** Milliseconds until it is fetched again. */
  readonly retryIn: number
}> {
  override readonly name = 'ParameterFetchError'
  readonly code = 'PARAMETER_FETCH'
  override readonly retryable = true

  constructor(data: ParameterFetchError['data'], remedy: string, options: { readonly cause: unknown }) {
    const { source, age, attempts, retryIn } = data
    const kept =
      age === undefined ? 'no value is kept' : `the value kept is ${duration(age)} old, which is too old to serve`
    super(
      `${source}: ${attempts === 1 ? 'the fetch' : `${attempts} fetches in a row`} failed (${describe(options.cause)}), and ${kept}. ` +
        `It is fetched again in ${duration(retryIn)} at the earliest. ${remedy}`,
      data,
      options,
    )
  }
}

/**
 * A request had no time left to wait for its parameters. The fetch goes on, and serves the requests after it.
 *
 * @example
 * ```ts
 * import { ParameterTimeoutError } from 'middy-managed-instances/parameters'
 *
 * const statusOf = (error: unknown): number => (error instanceof ParameterTimeoutError ? 504 : 500)
 * ```
 */
export class ParameterTimeoutError extends ManagedError<{ readonly sources: readonly string[] }> {
  override readonly name = 'ParameterTimeoutError'
  readonly code = 'PARAMETER_TIMEOUT'
  override readonly retryable = true

  constructor(sources: readonly string[]) {
    super(
      `${sources.join(', ')}: not fetched before the request's deadline. The fetch goes on. Give the function a longer timeout, ` +
        'or fetch at init with parameters({ prefetch: true }).',
      { sources },
    )
  }
}

/**
 * What was fetched can't be made into a value: it is not JSON or base64, or the `transform` threw. Neither the value nor
 * the message of what was thrown is part of this error: both may be secret.
 *
 * @example
 * ```ts
 * import { ParameterTransformError } from 'middy-managed-instances/parameters'
 *
 * const brokenSource = (error: unknown): string | undefined =>
 *   error instanceof ParameterTransformError ? error.data.source : undefined
 * ```
 */
export class ParameterTransformError extends ManagedError<{ readonly source: string; readonly transform: string }> {
  override readonly name = 'ParameterTransformError'
  readonly code = 'PARAMETER_TRANSFORM'

  constructor(source: string, transform: string, problem: string, remedy: string) {
    super(`${source}: ${problem}; its value is not shown, since it may be secret. ${remedy}`, { source, transform })
  }
}
