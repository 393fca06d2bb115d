import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample, sampleInFlight } from '../harness/sample.ts'
import { type Competitor, competitors, type Handler, makeHandler } from './competitors.ts'

/** What one worker shall measure. */
export interface Load {
  readonly competitor: Competitor
  readonly requests: number
  readonly inFlight: number
}

const event = {}
const handlers = new Map<Competitor, Handler>()
for (const [index, competitor] of competitors.entries()) {
  const root = join(workerData as string, String(index))
  mkdirSync(root, { recursive: true, mode: 0o700 })
  handlers.set(competitor, makeHandler(competitor, root))
}

serve(({ competitor, requests, inFlight }: Load): Promise<number[]> => {
  const handler = handlers.get(competitor) as Handler
  const request = (): Promise<unknown> => handler(event, clientContext())
  return inFlight === 1 ? sample(requests, request) : sampleInFlight(requests, inFlight, request)
})
