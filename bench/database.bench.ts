import { startPostgres } from '../examples/backend/postgres.ts'
import { type Competitor, competitors } from './database/competitors.ts'
import type { Contestant, Load } from './database/worker.ts'
import type { Benchmark, Effort, Figure, Goal } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'

interface Setting {
  readonly name: string
  readonly inFlight: number
  /** Of one round. */
  readonly requests: number
}

const settings: readonly Setting[] = [
  { name: 'sequentially', inFlight: 1, requests: 300 },
  { name: '64 in flight', inFlight: 64, requests: 1_000 },
]

/** A connection for each takes long enough to need fewer of them. */
const perRequest: Competitor = 'pg.Client per request'
const share = 1 / 10

const warmup: Extent = { rounds: 8, seconds: 0 }

const extents: Record<Effort, Extent> = {
  full: { rounds: 61, seconds: 40 },
  quick: { rounds: 5, seconds: 0 },
}

type Isolates = Readonly<Record<Competitor, Isolate<Load, number>>>

const measure = async (isolates: Isolates, setting: Setting, effort: Effort): Promise<Figure[]> => {
  const round = (competitor: Competitor): Promise<number> => {
    const { inFlight, requests } = setting
    return isolates[competitor].measure({ inFlight, requests: competitor === perRequest ? requests * share : requests })
  }
  await interleave(competitors, warmup, round)
  return figures(setting, await interleave(competitors, extents[effort], round))
}

const figures = ({ name }: Setting, times: Rounds<Competitor>): Figure[] => {
  const figure = (ours: Competitor, peer: Competitor, goal?: Goal): Figure => ({
    name: `${ours}, ${name}, against ${peer}`,
    unit: 'µs',
    ours: median(times[ours]),
    peer: median(times[peer]),
    compared: 'ratio',
    value: medianOfRounds(times[ours], times[peer], (left, right) => left / right),
    goal,
  })
  return [
    figure('database', 'pg.Pool by hand', { relation: 'at most', value: 1.05 }),
    figure(perRequest, 'database', { relation: 'at least', value: 30 }),
    figure('database, reset always', 'pg.Pool by hand'),
  ]
}

/** What it costs to lend a client and to take it back, around the shortest query. */
export const database: Benchmark = {
  title: 'A request that asks a PostgreSQL on this machine for SELECT 1, through 8 connections',
  run: async (effort) => {
    const postgres = await startPostgres()
    const { host, port, database, user, password } = postgres
    const file = new URL('./database/worker.ts', import.meta.url)
    const server = { host, port, database, user, password }
    const isolates = Object.fromEntries(
      competitors.map((competitor) => [
        competitor,
        new Isolate<Load, number>(file, { competitor, server } satisfies Contestant),
      ]),
    ) as unknown as Isolates
    try {
      const found: Figure[] = []
      for (const setting of settings) found.push(...(await measure(isolates, setting, effort)))
      return found
    } finally {
      for (const isolate of Object.values(isolates)) await isolate.stop()
      await postgres.stop()
    }
  },
}
