import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample } from '../harness/sample.ts'
import { median } from '../harness/statistics.ts'
import { type Handler, type HandlerName, makeHandler, makeStore, type Order } from './handlers.ts'
import { MemoryPersistenceLayer } from './memory-layer.ts'

export type Kind = 'first' | 'replay'

export interface Situation {
  readonly kind: Kind
  /** Of DynamoDB; in memory without one. */
  readonly endpoint: string | undefined
}

/** How much to measure of which handler: `samples` batches of `requests`. */
export interface Batches {
  readonly samples: number
  readonly requests: number
}

export interface Task extends Batches {
  readonly handler: HandlerName
}

const { kind, endpoint } = workerData as Situation
const store = makeStore(endpoint)
const handlers = new Map<HandlerName, Handler>()
const run = randomUUID()
let orders = 0

const order = (): Order => ({
  orderId: kind === 'first' ? `${run}-${orders++}` : run,
  lines: [
    { id: 1, price: 5 },
    { id: 2, price: 7 },
  ],
})

serve(async ({ handler: name, samples, requests }: Task): Promise<number> => {
  const handler = handlers.get(name) ?? makeHandler(name, store)
  handlers.set(name, handler)
  await handler(order(), clientContext())
  const batch = async (): Promise<void> => {
    for (let count = 0; count < requests; count++) await handler(order(), clientContext())
    // Timers get their turn, and what they cost is in the figure.
    await nextTurn()
  }
  const time = median(await sample(samples, batch)) / requests
  if (store instanceof MemoryPersistenceLayer) store.forget()
  return time
})
