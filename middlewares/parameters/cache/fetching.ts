import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FetchCall, Fetched, Fetcher } from '../origin.ts'
import type { CallTime } from './answer.ts'
import type { Wish } from './wish.ts'

type Result = Fetched | { readonly error: unknown }

/** Told of one wish as soon as it has been fetched. */
export type OnFetched = (wish: Wish, time: CallTime, result: Result) => void

const firstRetry = 200
const retries = 5

interface ServiceError {
  readonly name?: string
  readonly $fault?: 'client' | 'server'
  readonly $retryable?: { readonly throttling?: boolean }
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const isThrottling = (error: unknown): boolean => {
  const { name = '', $retryable, $metadata } = (error ?? {}) as ServiceError
  return $retryable?.throttling === true || $metadata?.httpStatusCode === 429 || /Throttl|TooManyRequests/.test(name)
}

/** Whether the backend refuses the request itself: then one of its names may be to blame for all. */
const isRefusal = (error: unknown): boolean =>
  (error as ServiceError | undefined)?.$fault === 'client' && !isThrottling(error)

/** Fetches all wishes, those together that one call can bring, and tells of each as soon as it is known. */
export const fetchAll = async (wishes: readonly Wish[], onFetched: OnFetched): Promise<void> => {
  await Promise.all(
    [...Map.groupBy(wishes, ({ origin }) => origin.fetcher)].flatMap(([fetcher, group]) =>
      // A shorter timeout must not end what others are given longer for.
      [...Map.groupBy(group, ({ timeout }) => timeout).values()].flatMap((together) =>
        lots(together, fetcher.size).map((lot) => fetchLot(fetcher, lot, onFetched)),
      ),
    ),
  )
}

const lots = (wishes: readonly Wish[], size: number): Wish[][] =>
  Array.from({ length: Math.ceil(wishes.length / size) }, (_, index) => wishes.slice(index * size, (index + 1) * size))

const fetchLot = async (fetcher: Fetcher, lot: readonly Wish[], onFetched: OnFetched): Promise<void> => {
  const { at, results, error } = await callUntilAccepted(fetcher, lot)
  if (lot.length > 1 && isRefusal(error)) {
    const middle = lot.length >> 1
    await Promise.all([lot.slice(0, middle), lot.slice(middle)].map((half) => fetchLot(fetcher, half, onFetched)))
    return
  }
  const time = { at, endedAt: Date.now(), jitter: Math.random() }
  lot.forEach((wish, index) => {
    onFetched(wish, time, results?.[index] ?? { error: error ?? new Error('The answer does not speak of it.') })
  })
}

/** What one call brought, or why it failed as a whole. */
interface Outcome {
  readonly at: number
  readonly results?: readonly Result[]
  readonly error?: unknown
}

/** Calls again while the backend is throttling, where there is nothing else to serve: a mere refresh is left to the back-off. */
const callUntilAccepted = async (fetcher: Fetcher, lot: readonly Wish[]): Promise<Outcome> => {
  const { timeout } = lot[0] as Wish
  const end = Date.now() + timeout
  const isNeeded = lot.some(({ isFirst }) => isFirst)
  let outcome = await call(fetcher, lot, timeout)
  for (let retry = 0; retry < retries && isNeeded && isThrottling(outcome.error); retry++) {
    const pause = firstRetry * 2 ** retry * (0.5 + Math.random() / 2)
    if (Date.now() + pause >= end) break
    await sleep(pause)
    const next = await call(fetcher, lot, end - Date.now())
    if (!(next.error instanceof FetchTimeout)) outcome = next
  }
  return outcome
}

class FetchTimeout extends Error {
  override readonly name = 'TimeoutError'
  constructor(timeout: number) {
    super(`There was no answer within its timeout of ${Math.ceil(timeout)} ms.`)
  }
}

/** One call, which ends in time even if what it calls never settles. */
const call = async (fetcher: Fetcher, lot: readonly Wish[], timeout: number): Promise<Outcome> => {
  const at = Date.now()
  const controller = new AbortController()
  const timedOut = Promise.withResolvers<never>()
  const giveUp = (): void => {
    const error = new FetchTimeout(timeout)
    controller.abort(error)
    timedOut.reject(error)
  }
  const timer = setTimeout(giveUp, Math.max(1, timeout))
  const names = lot.map(({ origin }) => origin.name)
  const given: FetchCall = { signal: controller.signal, previous: lot.length === 1 ? lot[0]?.previous : undefined }
  try {
    return { at, results: await Promise.race([fetcher.fetch(names, given), timedOut.promise]) }
  } catch (error) {
    return { at, error: controller.signal.aborted ? controller.signal.reason : error }
  } finally {
    clearTimeout(timer)
  }
}
