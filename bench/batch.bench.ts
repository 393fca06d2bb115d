import type { HandlerName, QueueName } from './batch/handlers.ts'
import type { Contestant, Load } from './batch/worker.ts'
import type { Benchmark, Effort, Figure } from './harness/figure.ts'
import { type Extent, interleave } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'

const names: readonly HandlerName[] = ['batch', 'processPartialResponse']

interface Setting extends Load {
  readonly queue: QueueName
}

const settings: readonly Setting[] = [
  { queue: 'queue', records: 10, requests: 500 },
  { queue: 'queue', records: 100, requests: 100 },
  { queue: 'queue', records: 1_000, requests: 20 },
  { queue: 'fifo', records: 100, requests: 50 },
]

const extents: Record<Effort, Extent> = {
  full: { rounds: 31, seconds: 6 },
  quick: { rounds: 5, seconds: 1 },
}

const description: Readonly<Record<QueueName, string>> = {
  queue: 'that wait for nothing',
  fifo: 'of 10 FIFO groups, that wait for a turn of the loop each',
}

const start = (handler: HandlerName, queue: QueueName): Isolate<Load, number> => {
  const contestant: Contestant = { handler, queue }
  return new Isolate(new URL('./batch/worker.ts', import.meta.url), contestant)
}

const measure = async ({ queue, records, requests }: Setting, effort: Effort): Promise<Figure> => {
  const isolates = { batch: start('batch', queue), processPartialResponse: start('processPartialResponse', queue) }
  const round = (name: HandlerName): Promise<number> => isolates[name].measure({ requests, records })
  try {
    await interleave(names, { rounds: 3, seconds: 0 }, round)
    const times = await interleave(names, extents[effort], round)
    return {
      name: `batch() to processPartialResponse(), ${records} records ${description[queue]}`,
      unit: 'µs',
      ours: median(times.batch),
      peer: median(times.processPartialResponse),
      compared: 'ratio',
      value: medianOfRounds(times.batch, times.processPartialResponse, (ours, peer) => ours / peer),
      goal: undefined,
    }
  } finally {
    for (const isolate of Object.values(isolates)) await isolate.stop()
  }
}

/** What a batch costs through us, and by Powertools alone with a processor per request. */
export const batch: Benchmark = {
  title: 'One batch of SQS records on Managed Instances, median latency',
  run: async (effort) => {
    const found: Figure[] = []
    for (const setting of settings) found.push(await measure(setting, effort))
    return found
  },
}
