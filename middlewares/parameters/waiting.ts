import { clearTimeout, setTimeout } from 'node:timers'
import { storage } from '../../src/scope/current.ts'
import { remainingTime, type TimedContext } from '../../src/scope/remaining-time.ts'
import { ParameterTimeoutError } from './errors.ts'

/** What ends a wait before there is something to go on with. */
export interface WaitLimit {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now; `Infinity` for none. */
  readonly remaining: number
}

const longest = 2 ** 31 - 1

/** Milliseconds before the deadline that a request on a plain `middy()` keeps, to answer in. */
const plainReserve = 50

/** What limits the waits of the request that runs here, or of one with this context on a plain `middy()`. */
export const limitOfRequest = (context?: unknown): WaitLimit => {
  const scope = storage.getStore()
  if (scope !== undefined) return { signal: scope.signal, remaining: scope.remaining() - scope.policy.reserve }
  return { remaining: remainingTime(context as TimedContext | undefined) - plainReserve }
}

/** Settles with `work`, which never rejects, or after so many milliseconds. */
export const within = (milliseconds: number, work: Promise<void>): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })

/**
 * Waits for fetches to land, which goes on when the wait has ended.
 *
 * @throws the signal's reason once it aborts, {@link ParameterTimeoutError} when the time is up.
 */
export const landing = async (
  flights: readonly Promise<unknown>[],
  names: () => string[],
  limits: readonly WaitLimit[],
): Promise<void> => {
  const signals = limits.flatMap(({ signal }) => signal ?? [])
  const remaining = Math.min(...limits.map((limit) => limit.remaining))
  const given = Promise.withResolvers<never>()
  const giveUp = (): void => given.reject(new ParameterTimeoutError(names()))
  const timer = remaining > longest ? undefined : setTimeout(giveUp, Math.max(0, remaining))
  const abort = (event: Event): void => given.reject((event.target as AbortSignal).reason)
  for (const signal of signals) {
    if (signal.aborted) given.reject(signal.reason)
    signal.addEventListener('abort', abort)
  }
  try {
    // Also of a wait that is over before it has begun, the rejections of what is waited for have to be taken.
    await Promise.race([Promise.all(flights), given.promise])
  } finally {
    clearTimeout(timer)
    for (const signal of signals) signal.removeEventListener('abort', abort)
  }
}
