import { type Postgres, startPostgres } from '../examples/backend/postgres.ts'
import type { Competitor } from './database/competitors.ts'
import type { Contestant, Load } from './database/worker.ts'
import type { Benchmark, Effort, Figure, Goal } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'

/** Who is compared in what, and what the figures are. */
interface Contest {
  readonly loads: Partial<Record<Competitor, Load>>
  readonly figures: readonly {
    readonly name: string
    readonly ours: Competitor
    readonly peer: Competitor
    readonly goal: Goal
  }[]
}

/** @param slow - requests with a connection for each, which takes long enough for fewer. */
const throughput = (name: string, inFlight: number, requests: number, slow: number): Contest => ({
  loads: {
    database: { inFlight, requests },
    'pg.Pool by hand': { inFlight, requests },
    'pg.Client per request': { inFlight, requests: slow },
  },
  figures: [
    { name, ours: 'database', peer: 'pg.Pool by hand', goal: { relation: 'at most', value: 1.05 } },
    { name, ours: 'pg.Client per request', peer: 'database', goal: { relation: 'at least', value: 30 } },
  ],
})

/** What is done after an answer is done when the next request comes. */
const paused: Load = { requests: 40, pause: 2 }

const contests: readonly Contest[] = [
  throughput('sequentially', 1, 500, 8),
  throughput('64 in flight', 64, 1_000, 20),
  {
    loads: { database: paused, 'database, reset always': paused },
    figures: [
      {
        name: 'until the answer',
        ours: 'database, reset always',
        peer: 'database',
        goal: { relation: 'at most', value: 1.05 },
      },
    ],
  },
]

/** Until V8 has compiled what a request runs through. */
const warmup: Extent = { rounds: 40, seconds: 10 }

/**
 * A thread and its sessions stay on the processors where they happen to meet, which makes more of a difference than what
 * is measured: each heat is run by new ones.
 */
const heats: Record<Effort, number> = { full: 8, quick: 1 }
const extent: Extent = { rounds: 9, seconds: 10 }

const heat = async ({ loads }: Contest, server: Contestant['server']): Promise<Rounds<Competitor>> => {
  const names = Object.keys(loads) as Competitor[]
  const file = new URL('./database/worker.ts', import.meta.url)
  const isolates = new Map(
    names.map((competitor) => [
      competitor,
      new Isolate<Load, number>(file, { competitor, server } satisfies Contestant),
    ]),
  )
  const round = (competitor: Competitor): Promise<number> =>
    (isolates.get(competitor) as Isolate<Load, number>).measure(loads[competitor] as Load)
  try {
    await interleave(names, warmup, round)
    return await interleave(names, extent, round)
  } finally {
    for (const isolate of isolates.values()) await isolate.stop()
  }
}

const measure = async (contest: Contest, postgres: Postgres, effort: Effort): Promise<Figure[]> => {
  const { host, port, database, user, password } = postgres
  const found: Rounds<Competitor>[] = []
  for (let count = 0; count < heats[effort]; count++)
    found.push(await heat(contest, { host, port, database, user, password }))
  const timesOf = (competitor: Competitor): number[] => found.flatMap((rounds) => rounds[competitor])
  return contest.figures.map(({ name, ours, peer, goal }) => ({
    name: `${ours}, ${name}, against ${peer}`,
    unit: 'µs',
    ours: median(timesOf(ours)),
    peer: median(timesOf(peer)),
    compared: 'ratio',
    value: medianOfRounds(timesOf(ours), timesOf(peer), (left, right) => left / right),
    goal,
  }))
}

/** What it costs to lend a client and to take it back, around the shortest query. */
export const database: Benchmark = {
  title: 'A request that asks a PostgreSQL on this machine for SELECT 1, through 8 connections',
  run: async (effort) => {
    const postgres = await startPostgres()
    try {
      const found: Figure[] = []
      for (const contest of contests) found.push(...(await measure(contest, postgres, effort)))
      return found
    } finally {
      await postgres.stop()
    }
  },
}
