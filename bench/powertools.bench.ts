import type { Benchmark, Effort, Figure } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'
import type { HandlerName } from './powertools/handlers.ts'
import type { Setting } from './powertools/settings.ts'
import type { Batches, Contestant } from './powertools/worker.ts'

const names: readonly HandlerName[] = ['powertools', 'official']

const warmup: Batches = { samples: 50, requests: 200 }
const batches: Batches = { samples: 9, requests: 200 }

const extents: Record<Effort, Extent> = {
  full: { rounds: 15, seconds: 3 },
  quick: { rounds: 5, seconds: 1 },
}

/** The most that our request may cost, in requests of the official middlewares. */
const goals: Readonly<Record<Setting, number>> = { classic: 1.05, 'managed instances': 1.2 }

/** One isolate's compiled code may happen to be a tenth better than another's: each contestant is measured in several. */
const generations: Record<Effort, number> = { full: 8, quick: 2 }

const start = (handler: HandlerName, setting: Setting): Isolate<Batches, number> => {
  const contestant: Contestant = { handler, setting }
  return new Isolate(new URL('./powertools/worker.ts', import.meta.url), contestant)
}

const measureGeneration = async (setting: Setting, effort: Effort): Promise<Rounds<HandlerName>> => {
  const isolates = { powertools: start('powertools', setting), official: start('official', setting) }
  try {
    await interleave(names, { rounds: 2, seconds: 0 }, (name) => isolates[name].measure(warmup))
    return await interleave(names, extents[effort], (name) => isolates[name].measure(batches))
  } finally {
    for (const isolate of Object.values(isolates)) await isolate.stop()
  }
}

const ratio = (ours: number, peer: number): number => ours / peer

const measure = async (setting: Setting, effort: Effort): Promise<Figure> => {
  const times: Record<HandlerName, number[]> = { powertools: [], official: [] }
  for (let generation = 0; generation < generations[effort]; generation++) {
    const found = await measureGeneration(setting, effort)
    for (const name of names) times[name].push(...found[name])
  }
  return {
    name: `powertools() to the three official middlewares, ${setting}`,
    unit: 'µs',
    ours: median(times.powertools),
    peer: median(times.official),
    compared: 'ratio',
    value: medianOfRounds(times.powertools, times.official, ratio),
    goal: { relation: 'at most', value: goals[setting] },
  }
}

/** What the logger, the tracer and the metrics of a request cost through us, and by the official middlewares. */
export const powertools: Benchmark = {
  title: 'One request that is logged, traced and measured by Powertools',
  run: async (effort) => [await measure('classic', effort), await measure('managed instances', effort)],
}
