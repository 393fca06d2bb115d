import { setTimeout as sleep } from 'node:timers/promises'
import { SSMProvider } from '@aws-lambda-powertools/parameters/ssm'
import { SSMClient } from '@aws-sdk/client-ssm'
import middy from '@middy/core'
import ssm from '@middy/ssm'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'
import { clientContext } from '../harness/context.ts'

export type Handler = (event: unknown, context: object) => Promise<unknown>

/** Makes a handler with a cache of its own, which answers the values of these names; `ttl` in milliseconds. */
export type MakeHandler = (names: readonly string[], ttl: number, backend: Backend) => Handler

/** What the backend of one handler saw, and how its requests fared. */
export interface Behaviour {
  /** Calls for a burst of requests with nothing cached. */
  readonly cold: number
  /** Calls from then until a second burst was answered, just after the values had expired. */
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

/** Without retries, so that a call that is counted is one the cache made. */
const clientOptions = (backend: Backend) => ({ ...backend.clientOptions, maxAttempts: 1 })

let caches = 0

const withMiddySsm: MakeHandler = (names, ttl, backend) =>
  middy()
    .use(
      ssm({
        awsClientOptions: clientOptions(backend),
        fetchData: Object.fromEntries(names.map((name, index) => [`value${index}`, name])),
        cacheKey: `bench-${caches++}`,
        cacheExpiry: ttl,
        setToContext: true,
      }),
    )
    .handler(async (_event, context) =>
      names.map((_name, index) => (context as unknown as Record<string, unknown>)[`value${index}`]),
    ) as unknown as Handler

const withPowertools: MakeHandler = (names, ttl, backend) => {
  const provider = new SSMProvider({ awsSdkV3Client: new SSMClient(clientOptions(backend)) })
  const maxAge = ttl / 1000
  const [first = ''] = names
  const read =
    names.length === 1
      ? async () => [await provider.get(first, { maxAge })]
      : async () => {
          const found = await provider.getParametersByName(Object.fromEntries(names.map((name) => [name, { maxAge }])))
          return names.map((name) => found[name])
        }
  return middy().handler(read) as unknown as Handler
}

export const peers = {
  '@middy/ssm': withMiddySsm,
  '@aws-lambda-powertools/parameters': withPowertools,
} satisfies Record<string, MakeHandler>

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
    for (const name of names) backend.parameters.set(name, { value: `value of ${name}` })
    const expected = JSON.stringify(names.map((name) => `value of ${name}`))
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
    for (const [name, makeHandler] of Object.entries(peers)) {
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
