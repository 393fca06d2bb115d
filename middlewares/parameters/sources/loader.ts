import { aFunction, checkOptions, invalidOption, text } from '../../../src/options.ts'
import type { Source } from '../../../src/source.ts'
import { type CacheOptions, cacheRules, checkCacheOptions, over } from '../options.ts'
import { single } from '../origin.ts'
import { CachedSource, type SourceDefaults } from '../source.ts'

/** What a loader is told. */
export interface LoaderCall {
  /** Aborts when `timeout` is over: pass it on to what the loader waits for. */
  readonly signal: AbortSignal
}

/** What `loader()` takes. */
export interface LoaderOptions<R = unknown, T = R> extends CacheOptions {
  /**
   * Makes the value of what was loaded, in each worker; one that is written within the function of a request runs for
   * each request. @defaultValue the value as it was loaded
   */
  transform?: (raw: R) => T
}

const rules = { ...cacheRules, transform: aFunction }

/**
 * A value that a function of your own loads, kept and refreshed like any parameter. It is loaded by each worker for itself
 * unless it says `shared: true`, for which what it resolves to must be structured-cloneable. It runs outside any request;
 * throw an error if there is no value.
 *
 * @param key - says all that the value depends on, as in `` `tenant/${id}` ``: two loaders of one key share one value.
 * @throws TypeError for an empty key, something that is no function, or an unknown option or one of the wrong type.
 *
 * @example
 * ```ts
 * import { loader } from 'middy-managed-instances/parameters'
 *
 * const keys = loader('jwks', async ({ signal }) => {
 *   const response = await fetch('https://example.com/.well-known/jwks.json', { signal })
 *   return (await response.json()) as { keys: readonly object[] }
 * })
 * console.log((await keys.get()).keys.length)
 * ```
 */
export const loader = <R, T = R>(
  key: string,
  load: (call: LoaderCall) => R | Promise<R>,
  options?: LoaderOptions<R, T>,
): Source<T> => {
  if (!text.accepts(key)) throw invalidOption('loader()', 'key', text.expected, key)
  if (typeof load !== 'function') throw invalidOption('loader()', 'load', aFunction.expected, load)
  const checked = checkOptions<LoaderOptions<R, T>>('loader()', rules, options)
  checkCacheOptions('loader()', checked)
  return createLoader(key, load, checked)
}

const createLoader = <R, T>(
  key: string,
  load: (call: LoaderCall) => R | Promise<R>,
  options: LoaderOptions<R, T>,
): CachedSource<T> => {
  const fetcher = single(async (_name, { signal }) => ({ raw: await load({ signal }) }))
  const origin = { key: `loader(${JSON.stringify(key)})`, name: key, fetcher, shareable: false }
  return new CachedSource<T>(
    origin,
    options as CacheOptions,
    ({ client: _, shared: __, transform: ___, ...defaults }: SourceDefaults) =>
      createLoader(key, load, over(defaults, options)),
  )
}
