import type { Benchmark, Effort, Figure } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'
import type { HandlerName } from './scope/handlers.ts'
import type { Batches, Contestant } from './scope/worker.ts'

const names: readonly HandlerName[] = ['middy', 'managed', 'managed+workspace', 'middy+workspace']

const warmup: Batches = { samples: 100, requests: 500 }
const batches: Batches = { samples: 15, requests: 500 }

const extents: Record<Effort, Extent> = {
  full: { rounds: 31, seconds: 6 },
  quick: { rounds: 5, seconds: 1 },
}

const extra = (ours: number, peer: number): number => ours - peer

const start = (handler: HandlerName, stored: boolean): Isolate<Batches, number> => {
  const contestant: Contestant = { handler, stored }
  return new Isolate(new URL('./scope/worker.ts', import.meta.url), contestant)
}

/** One isolate's compiled code may happen to be better than another's: each contestant is measured in several. */
const generations = 3

const measure = async (stored: boolean, effort: Effort): Promise<Figure[]> => {
  const times: Record<HandlerName, number[]> = {
    middy: [],
    managed: [],
    'managed+workspace': [],
    'middy+workspace': [],
  }
  for (let generation = 0; generation < generations; generation++) {
    const found = await measureGeneration(stored, effort)
    for (const name of names) times[name].push(...found[name])
  }
  return figures(stored, times)
}

const measureGeneration = async (stored: boolean, effort: Effort): Promise<Rounds<HandlerName>> => {
  const isolates = {
    middy: start('middy', stored),
    managed: start('managed', stored),
    'managed+workspace': start('managed+workspace', stored),
    'middy+workspace': start('middy+workspace', stored),
  } satisfies Record<HandlerName, Isolate<Batches, number>>
  try {
    await interleave(names, { rounds: 2, seconds: 0 }, (name) => isolates[name].measure(warmup))
    return await interleave(names, extents[effort], (name) => isolates[name].measure(batches))
  } finally {
    for (const isolate of Object.values(isolates)) await isolate.stop()
  }
}

const figures = (stored: boolean, times: Rounds<HandlerName>): Figure[] => {
  const figure = (name: string, ours: HandlerName, peer: HandlerName, goal?: number): Figure => ({
    name: stored ? `${name}, within InvokeStore` : name,
    unit: 'µs',
    ours: median(times[ours]),
    peer: median(times[peer]),
    compared: 'extra',
    value: medianOfRounds(times[ours], times[peer], extra),
    goal: goal === undefined ? undefined : { relation: 'at most', value: goal },
  })
  return [
    figure('managed() over middy()', 'managed', 'middy', 1),
    figure('untouched workspace() over managed()', 'managed+workspace', 'managed', 0.2),
    figure('untouched workspace() over middy(), plain', 'middy+workspace', 'middy'),
  ]
}

/** What a request with a deadline costs, and what managed() and an untouched workspace() add to it. */
export const scope: Benchmark = {
  title: 'One request with a deadline, async handler',
  run: async (effort) => [...(await measure(false, effort)), ...(await measure(true, effort))],
}
