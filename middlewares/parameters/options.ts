import { aBoolean, aFunction, milliseconds, type Rule, type Rules } from '../../src/options.ts'
import { runtime } from '../../src/runtime/environment.ts'

/** How long a value is kept, what happens when it is out of date, and who shares it. */
export interface CacheOptions {
  /**
   * Milliseconds for which a value is served without asking the backend; counted from the start of its fetch, so that
   * no value is older than this. Shorter for what must change fast, longer for what hardly ever does.
   *
   * @defaultValue 300000, what AWS's own extension takes: a change arrives within 5 minutes, and a process asks 12 times
   * an hour
   */
  ttl?: number
  /**
   * Milliseconds beyond `ttl` for which the old value is still served while a new one is fetched, so that no request
   * waits. 0 makes the first request after `ttl` wait.
   *
   * @defaultValue the `ttl`: a value in use is refreshed by its first reader, and a value out of use for longer is not served
   */
  staleWhileRevalidate?: number
  /**
   * Milliseconds beyond `ttl` for which the old value is served while fetches fail. Needs a `ttl` beside it, since it is
   * counted from there.
   *
   * @defaultValue 3600000: an outage of an hour is bridged, and a value that was taken back is not used for days
   */
  staleIfError?: number
  /**
   * Milliseconds for which a parameter that does not exist is not asked for again.
   *
   * @defaultValue 10000: short, since what is missing is about to be created
   */
  negativeTtl?: number
  /**
   * Milliseconds before the end of `ttl` from which a read has the next value fetched in the background. Only for what
   * must never be served stale: with `staleWhileRevalidate` no request waits either.
   *
   * @defaultValue 0: off
   */
  refreshAhead?: number
  /** Milliseconds one fetch may take, whatever the requests that wait for it do. @defaultValue 10000 */
  timeout?: number
  /**
   * Whether one worker of the process fetches for all of them. Raw answers travel in memory; `transform` runs in each.
   *
   * @defaultValue true on Managed Instances, else false, since there is one worker; always false for a `loader` and for
   * a client that was made within a request
   */
  shared?: boolean
}

/** Every option with its value. */
export type Policy = Required<CacheOptions>

export const cacheRules: Rules<CacheOptions> = {
  ttl: milliseconds,
  staleWhileRevalidate: milliseconds,
  staleIfError: milliseconds,
  negativeTtl: milliseconds,
  refreshAhead: milliseconds,
  timeout: {
    expected: `${milliseconds.expected}, above 0`,
    accepts: (value) => milliseconds.accepts(value) && value !== 0,
  },
  shared: aBoolean,
}

/** How what was fetched becomes the value: text is parsed as JSON, or decoded from base64, or given to a function. */
export type Transform = 'json' | 'binary' | ((raw: never) => unknown)

/** A transform of the whole, or of every value in it. */
export type AnyTransform = Transform | { readonly each: Transform }

/** A function that is bound, or written in C++, does not show its text. */
const nativeText = /\{ \[native code\] \}$/

const readTheSame = (one: unknown, other: unknown): boolean =>
  typeof one === 'function' &&
  typeof other === 'function' &&
  String(one) === String(other) &&
  !nativeText.test(String(one))

/** Whether two sources make the same of what is fetched. A function that is written anew for each request is the same if it reads the same. */
export const areSame = (one: AnyTransform | undefined, other: AnyTransform | undefined): boolean => {
  if (typeof one === 'object' && typeof other === 'object') return areSame(one.each, other.each)
  return one === other || readTheSame(one, other)
}

export const aTransform: Rule = {
  expected: "'json', 'binary' or a function",
  accepts: (value) => value === 'json' || value === 'binary' || aFunction.accepts(value),
}

/** @throws TypeError for `staleIfError` without `ttl`, or a `refreshAhead` that never lets a value rest. */
export const checkCacheOptions = (factory: string, { ttl, staleIfError, refreshAhead }: CacheOptions): void => {
  if (staleIfError !== undefined && ttl === undefined)
    throw new TypeError(
      `${factory}: option "staleIfError" (received ${staleIfError}) is counted from the end of "ttl", which is not given. Give both.`,
    )
  if (refreshAhead !== undefined && refreshAhead > 0 && refreshAhead >= (ttl ?? defaultTtl))
    throw new TypeError(
      `${factory}: option "refreshAhead" must be less than "ttl" (${ttl ?? defaultTtl}), received ${refreshAhead}.`,
    )
}

/** The options a source has been given, over those for all; `undefined` counts as not given. */
export const over = <Options extends object>(defaults: object, given: Options): Options => ({
  ...defaults,
  ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Options),
})

const defaultTtl = 300_000

export const resolvePolicy = (options: CacheOptions, sharedByDefault: boolean): Policy => {
  const { ttl = defaultTtl } = options
  const {
    staleWhileRevalidate = ttl,
    staleIfError = 3_600_000,
    negativeTtl = 10_000,
    refreshAhead = 0,
    timeout = 10_000,
    shared = sharedByDefault && runtime.managedInstances,
  } = options
  return { ttl, staleWhileRevalidate, staleIfError, negativeTtl, refreshAhead, timeout, shared }
}
