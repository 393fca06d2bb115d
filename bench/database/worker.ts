import { setTimeout as wait } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { median } from '../harness/statistics.ts'
import type { Competitor, Server } from './competitors.ts'

/** What this worker is. */
export interface Contestant {
  readonly competitor: Competitor
  readonly server: Server
}

/** What it shall measure: what a request takes of the time with so many in flight; or how soon one by itself is answered. */
export type Load = {
  readonly requests: number
} & ({ readonly inFlight: number } | { readonly pause: number })

Object.assign(process.env, {
  AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
  AWS_LAMBDA_NODEJS_WORKER_COUNT: '1',
})
const { makeHandler } = await import('./competitors.ts')
const { competitor, server } = workerData as Contestant
const handler = makeHandler(competitor, server)
const event = {}

const throughput = async (requests: number, inFlight: number): Promise<number> => {
  let left = requests
  const send = async (): Promise<void> => {
    while (left-- > 0) await handler(event, clientContext())
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: inFlight }, send))
  return (performance.now() - started) / requests
}

const latency = async (requests: number, pause: number): Promise<number> => {
  const times: number[] = []
  while (times.length < requests) {
    const started = performance.now()
    await handler(event, clientContext())
    times.push(performance.now() - started)
    await wait(pause)
  }
  return median(times)
}

/** Microseconds for each request. */
serve(
  async (load: Load): Promise<number> =>
    1000 *
    ('pause' in load ? await latency(load.requests, load.pause) : await throughput(load.requests, load.inFlight)),
)
