import { type Backend, startBackend } from '../examples/backend/backend.ts'
import type { Benchmark, Effort, Figure } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'
import { byEvent, type Contestant, storedValue } from './parameters/contestants.ts'
import { measureMemory } from './parameters/memory.ts'
import type { Batches, Reads } from './parameters/read-worker.ts'

const names = Array.from({ length: 100 }, (_, index) => `/bench/name-${index}`)

/** What a request takes more that gets its values from the one than a request of the other, which has them at hand. */
interface Comparison {
  readonly ours: Contestant
  readonly peer: 'middy()' | 'managed()'
  readonly goal?: number
}

/** Requests that read so many names; those who are compared take turns. */
interface Setting {
  readonly count: number
  readonly stored: boolean
  readonly comparisons: readonly Comparison[]
}

const underManaged: Comparison = { ours: 'managed() and parameters()', peer: 'managed()' }

const peers: readonly Comparison[] = [
  { ours: '@middy/ssm', peer: 'middy()' },
  { ours: 'Powertools', peer: 'middy()' },
  { ours: 'lru-cache', peer: 'middy()' },
]

const settings: readonly Setting[] = [
  {
    count: 1,
    stored: false,
    comparisons: [
      { ours: 'parameters()', peer: 'middy()', goal: 0.3 },
      underManaged,
      { ours: byEvent, peer: 'middy()' },
      ...peers,
    ],
  },
  {
    count: 12,
    stored: false,
    comparisons: [{ ours: 'parameters()', peer: 'middy()', goal: 0.7 }, underManaged, ...peers],
  },
  { count: 1, stored: true, comparisons: [{ ours: 'parameters()', peer: 'middy()' }, underManaged] },
  { count: 12, stored: true, comparisons: [{ ours: 'parameters()', peer: 'middy()' }, underManaged] },
]

interface Amount {
  /** One isolate's compiled code may happen to be better than another's: each contestant is measured in several. */
  readonly generations: number
  readonly warmup: Batches
  readonly extent: Extent
}

const amounts: Record<Effort, Amount> = {
  full: { generations: 3, warmup: { samples: 100, requests: 500 }, extent: { rounds: 31, seconds: 6 } },
  quick: { generations: 1, warmup: { samples: 20, requests: 500 }, extent: { rounds: 5, seconds: 0 } },
}

const batches: Batches = { samples: 15, requests: 500 }

const start = (
  contestant: Contestant,
  { count, stored }: Setting,
  { clientOptions }: Backend,
): Isolate<Batches, number> => {
  const needed = contestant === byEvent ? names : names.slice(0, count)
  const reads: Reads = { contestant, names: needed, stored, backend: { clientOptions } }
  return new Isolate(new URL('./parameters/read-worker.ts', import.meta.url), reads)
}

const measure = async (setting: Setting, backend: Backend, amount: Amount): Promise<Figure[]> => {
  const contestants = [...new Set(setting.comparisons.flatMap(({ ours, peer }): Contestant[] => [ours, peer]))]
  const generations: Rounds<Contestant>[] = []
  for (let generation = 0; generation < amount.generations; generation++)
    generations.push(await measureGeneration(contestants, setting, backend, amount))
  const timesOf = (contestant: Contestant): number[] => generations.flatMap((rounds) => rounds[contestant])
  return setting.comparisons.map((comparison) => figure(setting, comparison, timesOf))
}

const measureGeneration = async (
  contestants: readonly Contestant[],
  setting: Setting,
  backend: Backend,
  { warmup, extent }: Amount,
): Promise<Rounds<Contestant>> => {
  const isolates = new Map(contestants.map((contestant) => [contestant, start(contestant, setting, backend)]))
  const request = (contestant: Contestant, load: Batches): Promise<number> =>
    (isolates.get(contestant) as Isolate<Batches, number>).measure(load)
  try {
    await interleave(contestants, { rounds: 2, seconds: 0 }, (contestant) => request(contestant, warmup))
    return await interleave(contestants, extent, (contestant) => request(contestant, batches))
  } finally {
    for (const isolate of isolates.values()) await isolate.stop()
  }
}

const figure = (
  { count, stored }: Setting,
  { ours, peer, goal }: Comparison,
  timesOf: (contestant: Contestant) => readonly number[],
): Figure => {
  const own = timesOf(ours)
  const others = timesOf(peer)
  return {
    name: `${count === 1 ? '1 name' : `${count} names`}: ${ours} over ${peer}${stored ? ', within InvokeStore' : ''}`,
    unit: 'µs',
    ours: median(own),
    peer: median(others),
    compared: 'extra',
    value: medianOfRounds(own, others, (left, right) => left - right),
    goal: goal === undefined ? undefined : { relation: 'at most', value: goal },
  }
}

/** What it costs to have the values of parameters that have been fetched, from those who keep them. */
export const parameters: Benchmark = {
  title: 'A request that reads parameters which are kept, and what keeping them takes',
  run: async (effort) => {
    const backend = await startBackend()
    try {
      for (const name of names) backend.parameters.set(name, { value: storedValue(name) })
      const found: Figure[] = []
      for (const setting of settings) found.push(...(await measure(setting, backend, amounts[effort])))
      return [...found, ...(await measureMemory())]
    } finally {
      await backend.stop()
    }
  },
}
