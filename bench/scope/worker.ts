import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample } from '../harness/sample.ts'
import { median } from '../harness/statistics.ts'
import { type HandlerName, makeHandler } from './handlers.ts'

/** How a contestant runs: `stored` within an active AsyncLocalStorage, as the runtime client's InvokeStore is. */
export interface Contestant {
  readonly handler: HandlerName
  readonly stored: boolean
}

/** How much to measure: `samples` batches of `requests`. */
export interface Batches {
  readonly samples: number
  readonly requests: number
}

const { handler: name, stored } = workerData as Contestant
const handler = makeHandler(name)
const event = {}
const store = new AsyncLocalStorage<object>()

const request = (): Promise<unknown> => {
  const context = clientContext()
  return stored ? store.run({ context }, handler, event, context) : handler(event, context)
}

serve(async ({ samples, requests }: Batches): Promise<number> => {
  const batch = async (): Promise<void> => {
    for (let count = 0; count < requests; count++) await request()
    // Timers get their turn, and what they cost is in the figure.
    await nextTurn()
  }
  return median(await sample(samples, batch)) / requests
})
