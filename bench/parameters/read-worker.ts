import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample } from '../harness/sample.ts'
import { median } from '../harness/statistics.ts'
import { type Contestant, contestants, eventsOf, type Reachable } from './contestants.ts'

/** Who reads what: `stored` within an active AsyncLocalStorage, as the runtime client's InvokeStore is. */
export interface Reads {
  readonly contestant: Contestant
  readonly names: readonly string[]
  readonly stored: boolean
  readonly backend: Reachable
}

/** How much to measure: `samples` batches of `requests`. */
export interface Batches {
  readonly samples: number
  readonly requests: number
}

const ttl = 3_600_000

const { contestant, names, stored, backend } = workerData as Reads
const handler = contestants[contestant](names, ttl, backend)
const events = eventsOf(contestant, names)
const store = new AsyncLocalStorage<object>()

const request = (event: unknown): Promise<unknown> => {
  const context = clientContext()
  return stored ? store.run({ context }, handler, event, context) : handler(event, context)
}

const fetched = Promise.all(events.map(request))

serve(async ({ samples, requests }: Batches): Promise<number> => {
  await fetched
  const batch = async (): Promise<void> => {
    for (let count = 0; count < requests; count++) await request(events[count % events.length])
    // Timers get their turn, and what they cost is in the figure.
    await nextTurn()
  }
  return median(await sample(samples, batch)) / requests
})
