import { setTimeout as sleep } from 'node:timers/promises'
import { startBackend } from '../../examples/backend/backend.ts'
import { clientContext } from '../harness/context.ts'
import { caching, type Handler, type MakeHandler, storedValue } from './contestants.ts'

/** What the backend of one handler saw, and how its requests fared. */
export interface Behaviour {
  /** Calls for a burst of requests with nothing cached. */
  readonly cold: number
  /** Calls for a second burst, just after the values had expired. */
  readonly expired: number
  /** Calls in three times the ttl without a request. */
  readonly idle: number
  /** Requests that failed in an outage after the values expired, of so many, and the calls they made. */
  readonly outage: { readonly failed: number; readonly requests: number; readonly calls: number }
}

const requestsInBurst = 64
const latency = 30
const ttl = 1_000
const outage = { bursts: 30, every: 100 }

/** Sends requests all at once and counts those that failed. @throws if one is answered wrongly. */
const burst = async (handler: Handler, expected: string): Promise<number> => {
  const requests = Array.from({ length: requestsInBurst }, () => handler({}, clientContext()))
  let failed = 0
  for (const result of await Promise.allSettled(requests)) {
    if (result.status === 'rejected') failed++
    else if (JSON.stringify(result.value) !== expected) throw new Error(`wrong: ${JSON.stringify(result.value)}`)
  }
  return failed
}

/** Takes a handler through a cold start, an expiry, a pause and an outage, against a backend of its own. */
export const observe = async (makeHandler: MakeHandler, names: readonly string[]): Promise<Behaviour> => {
  const backend = await startBackend({ latency })
  try {
    for (const name of names) backend.parameters.set(name, { value: storedValue(name) })
    const expected = JSON.stringify(names.map(storedValue))
    const handler = makeHandler(names, ttl, backend)
    const calls = async (act: () => Promise<unknown>): Promise<number> => {
      backend.calls.reset()
      await act()
      return backend.calls.count()
    }
    const serve = async (): Promise<void> => {
      const failed = await burst(handler, expected)
      if (failed > 0) throw new Error(`${failed} of ${requestsInBurst} requests failed while the backend was up`)
    }
    // A call that is made with the handler reaches the backend after the reset, and counts.
    const cold = await calls(serve)
    const expired = await calls(async () => {
      await sleep(ttl + latency)
      await serve()
      // Whoever has answered with the old values is still calling.
      await sleep(2 * latency)
    })
    const idle = await calls(() => sleep(3 * ttl))
    const stop = backend.fail('throttling')
    await sleep(ttl + latency)
    let failed = 0
    const callsInOutage = await calls(async () => {
      const bursts: Promise<number>[] = []
      for (let index = 0; index < outage.bursts; index++) {
        bursts.push(burst(handler, expected))
        await sleep(outage.every)
      }
      for (const count of await Promise.all(bursts)) failed += count
    })
    stop()
    const requests = outage.bursts * requestsInBurst
    return { cold, expired, idle, outage: { failed, requests, calls: callsInOutage } }
  } finally {
    await backend.stop()
  }
}

const print = async (): Promise<void> => {
  const seconds = (outage.bursts * outage.every) / 1000
  console.log(
    `Node.js ${process.version}, backend latency ${latency} ms, ttl ${ttl} ms, bursts of ${requestsInBurst} requests`,
  )
  for (const count of [1, 12]) {
    const names = Array.from({ length: count }, (_, index) => `/bench/name-${index}`)
    for (const [name, makeHandler] of Object.entries(caching)) {
      const { cold, expired, idle, outage } = await observe(makeHandler, names)
      console.log(`${name}, ${count} ${count === 1 ? 'name' : 'names'}`)
      console.log(`  calls: ${cold} cold, ${expired} at expiry, ${idle} in three idle ttls`)
      console.log(
        `  outage of ${seconds} s: ${outage.failed} of ${outage.requests} requests failed, with ${outage.calls} calls`,
      )
    }
  }
}

if (import.meta.main) await print()
