import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { type Competitor, makeHandler, type Server } from './competitors.ts'

/** What this worker is. */
export interface Contestant {
  readonly competitor: Competitor
  readonly server: Server
}

/** What it shall measure. */
export interface Load {
  readonly requests: number
  readonly inFlight: number
}

const { competitor, server } = workerData as Contestant
const handler = makeHandler(competitor, server)
const event = {}

/** Microseconds for each request. */
serve(async ({ requests, inFlight }: Load): Promise<number> => {
  let left = requests
  const send = async (): Promise<void> => {
    while (left-- > 0) await handler(event, clientContext())
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: inFlight }, send))
  return ((performance.now() - started) * 1000) / requests
})
