import { isDeepStrictEqual } from 'node:util'
import { aFunction, checkOptions, invalidOption } from '../../src/options.ts'
import { isSource, type Source } from '../../src/source.ts'

/** What `retryOnAuthFailure()` takes. */
export interface RetryOnAuthFailureOptions {
  /**
   * Tells an authentication failure from other errors. @defaultValue HTTP status 401, and the codes of PostgreSQL, MySQL,
   * Redis and MongoDB for wrong credentials
   */
  isAuthFailure?: (error: unknown) => boolean
}

interface CodedError {
  readonly code?: unknown
  readonly codeName?: unknown
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly message?: unknown
  readonly $metadata?: { readonly httpStatusCode?: unknown }
}

const codes: ReadonlySet<unknown> = new Set([
  '28P01',
  '28000',
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'AuthenticationFailed',
])

const isWrongCredentials = (error: unknown): boolean => {
  const { code, codeName, status, statusCode, message, $metadata } = (error ?? {}) as CodedError
  return (
    codes.has(code) ||
    codes.has(codeName) ||
    [status, statusCode, $metadata?.httpStatusCode].includes(401) ||
    (typeof message === 'string' && /^(?:WRONGPASS|NOAUTH)\b/.test(message))
  )
}

/**
 * Calls `use` with a secret; if that fails because the secret has been rotated, fetches it once for all who fail at the
 * same time, and calls `use` once more.
 *
 * @throws what `use` throws the second time, or the first if the error is of another kind or the secret is still the same;
 * {@link ParameterFetchError} if the secret can't be fetched.
 *
 * @example
 * ```ts
 * import { retryOnAuthFailure, secret } from 'middy-managed-instances/parameters'
 *
 * const token = secret('orders/api-token')
 * export const listOrders = () =>
 *   retryOnAuthFailure(token, async (value) => {
 *     const response = await fetch('https://example.com/orders', { headers: { authorization: `Bearer ${value}` } })
 *     if (response.status === 401) throw Object.assign(new Error('Unauthorized'), { status: 401 })
 *     return response.json()
 *   })
 * ```
 */
export const retryOnAuthFailure = async <T, R>(
  source: Source<T>,
  use: (value: T) => R | Promise<R>,
  options?: RetryOnAuthFailureOptions,
): Promise<R> => {
  if (!isSource(source))
    throw invalidOption('retryOnAuthFailure()', 'source', 'a source, as secret("orders/db")', source)
  if (typeof use !== 'function') throw invalidOption('retryOnAuthFailure()', 'use', aFunction.expected, use)
  const { isAuthFailure = isWrongCredentials } = checkOptions<RetryOnAuthFailureOptions>(
    'retryOnAuthFailure()',
    { isAuthFailure: aFunction },
    options,
  )
  const value = await source.get()
  try {
    return await use(value)
  } catch (error) {
    if (!isAuthFailure(error)) throw error
    const known = source.peek()
    // Somebody else may have failed before and have had it fetched already.
    const next = known === undefined || isDeepStrictEqual(known, value) ? await source.refresh() : known
    if (isDeepStrictEqual(next, value)) throw error
    return await use(next)
  }
}
