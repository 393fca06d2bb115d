import { startPostgres } from '../examples/backend/postgres.ts'
import { hasMariaDb, startMariaDb } from '../test/database/support/mariadb.ts'
import type { Competitor, Server } from './database/competitors.ts'
import type { Contestant, Load } from './database/worker.ts'
import type { Benchmark, Effort, Figure, Goal } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { besideServer, keepsApart } from './harness/processors.ts'
import { median, medianOfRounds } from './harness/statistics.ts'

/** Two who are compared, and what the figure is. */
interface Contest {
  readonly name: string
  readonly ours: Competitor
  readonly peer: Competitor
  readonly loads: Partial<Record<Competitor, Load>>
  readonly goal: Goal
  /** How many, to be exact enough for the goal. */
  readonly heats: number
}

const asGoodAs: Goal = { relation: 'at most', value: 1.05 }

const byHand = (name: string, load: Load, ours: Competitor, peer: Competitor): Contest => ({
  name,
  ours,
  peer,
  loads: { [ours]: load, [peer]: load },
  goal: asGoodAs,
  heats: 6,
})

/** @param slow - requests with a connection for each, which takes long enough for fewer. */
const perRequest = (name: string, inFlight: number, requests: number, slow: number): Contest => ({
  name,
  ours: 'pg.Client per request',
  peer: 'database',
  loads: { 'pg.Client per request': { inFlight, requests: slow }, database: { inFlight, requests } },
  goal: { relation: 'at least', value: 30 },
  heats: 1,
})

/** What is done after an answer is done when the next request comes. */
const paused: Load = { requests: 40, pause: 2 }

const sequentially: Load = { inFlight: 1, requests: 500 }
const manyInFlight: Load = { inFlight: 64, requests: 1_000 }

const onPostgres: readonly Contest[] = [
  byHand('sequentially', sequentially, 'database', 'pg.Pool by hand'),
  byHand('64 in flight', manyInFlight, 'database', 'pg.Pool by hand'),
  perRequest('sequentially', 1, 500, 8),
  perRequest('64 in flight', 64, 1_000, 20),
  {
    name: 'until the answer',
    ours: 'database, reset always',
    peer: 'database',
    loads: { 'database, reset always': paused, database: paused },
    goal: asGoodAs,
    heats: 3,
  },
]

const onMariaDb: readonly Contest[] = [
  byHand('sequentially', sequentially, 'database on mysql2', 'mysql2 pool by hand'),
  byHand('64 in flight', manyInFlight, 'database on mysql2', 'mysql2 pool by hand'),
]

/** Until V8 has compiled what a request runs through. */
const warmup: Extent = { rounds: 80, seconds: 6 }
const extent: Extent = { rounds: 21, seconds: 10 }

/** Which code is compiled in which order differs from thread to thread, by as much as what is measured: each heat has new ones. */
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

const measure = async (contest: Contest, server: Server, effort: Effort): Promise<Figure> => {
  const { host, port, database, user, password } = server
  const { name, ours, peer, goal } = contest
  const heats = effort === 'quick' ? 1 : contest.heats
  const found: Rounds<Competitor>[] = []
  while (found.length < heats) found.push(await heat(contest, { host, port, database, user, password }))
  const ourTimes = found.flatMap((rounds) => rounds[ours])
  const peerTimes = found.flatMap((rounds) => rounds[peer])
  return {
    name: `${ours}, ${name}, against ${peer}`,
    unit: 'µs',
    ours: median(ourTimes),
    peer: median(peerTimes),
    compared: 'ratio',
    value: medianOfRounds(ourTimes, peerTimes, (left, right) => left / right),
    goal,
  }
}

const measureOn = (
  start: () => Promise<Server & { stop(): Promise<void> }>,
  contests: readonly Contest[],
  effort: Effort,
): Promise<Figure[]> =>
  besideServer(start, async (server) => {
    const found: Figure[] = []
    for (const contest of contests) found.push(await measure(contest, server, effort))
    return found
  })

const servers = (): string => (hasMariaDb() ? 'on PostgreSQL and MariaDB' : 'on PostgreSQL: there is no MariaDB here')

const processors = (): string => (keepsApart ? 'server and client on a processor each' : 'on whichever processors')

/** What it costs to lend a client and to take it back, around the shortest query. */
export const database: Benchmark = {
  title: 'A request that asks a database on this machine for SELECT 1, through 8 connections',
  note: () => `${servers()}; ${processors()}`,
  run: async (effort) => [
    ...(await measureOn(startPostgres, onPostgres, effort)),
    ...(hasMariaDb() ? await measureOn(startMariaDb, onMariaDb, effort) : []),
  ],
}
