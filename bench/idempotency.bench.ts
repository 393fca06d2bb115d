import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Benchmark, Effort, Figure } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'
import type { HandlerName } from './idempotency/handlers.ts'
import type { Batches, Kind, Situation, Task } from './idempotency/worker.ts'

const names: readonly HandlerName[] = ['makeIdempotent', 'idempotency', 'managed']
const kinds: readonly Kind[] = ['first', 'replay']

interface Setting {
  readonly warmup: Batches
  readonly batches: Batches
  readonly extents: Record<Effort, Extent>
}

const inMemory: Setting = {
  warmup: { samples: 40, requests: 250 },
  batches: { samples: 9, requests: 250 },
  extents: { full: { rounds: 21, seconds: 3 }, quick: { rounds: 5, seconds: 1 } },
}

const inDatabase: Setting = {
  warmup: { samples: 2, requests: 60 },
  // Few, so that a round is over before the machine has changed.
  batches: { samples: 15, requests: 1 },
  extents: { full: { rounds: 61, seconds: 8 }, quick: { rounds: 5, seconds: 1 } },
}

const peerNames = {
  makeIdempotent: 'makeIdempotent() alone',
  managed: 'makeIdempotent() under managed()',
}

/** In memory each contestant has an isolate of its own; of the database they share the connection, which matters more. */
const startIsolates = (situation: Situation): Record<HandlerName, Isolate<Task, number>> => {
  const start = (): Isolate<Task, number> => new Isolate(new URL('./idempotency/worker.ts', import.meta.url), situation)
  const first = start()
  const another = (): Isolate<Task, number> => (situation.endpoint === undefined ? start() : first)
  return { makeIdempotent: first, idempotency: another(), managed: another() }
}

/** One isolate's compiled code may happen to be better than another's: each contestant is measured in several. */
const generations = 3

const measureGeneration = async (situation: Situation, effort: Effort): Promise<Rounds<HandlerName>> => {
  const { warmup, batches, extents } = situation.endpoint === undefined ? inMemory : inDatabase
  const isolates = startIsolates(situation)
  const round = (load: Batches) => (handler: HandlerName) => isolates[handler].measure({ handler, ...load })
  try {
    await interleave(names, { rounds: 2, seconds: 0 }, round(warmup))
    return await interleave(names, extents[effort], round(batches))
  } finally {
    for (const isolate of new Set(Object.values(isolates))) await isolate.stop()
  }
}

const measure = async (situation: Situation, effort: Effort): Promise<Figure[]> => {
  const isInMemory = situation.endpoint === undefined
  const times: Record<HandlerName, number[]> = { makeIdempotent: [], idempotency: [], managed: [] }
  for (let generation = 0; generation < generations; generation++) {
    const found = await measureGeneration(situation, effort)
    for (const name of names) times[name].push(...found[name])
  }
  const compare = isInMemory
    ? (ours: number, peer: number): number => ours - peer
    : (ours: number, peer: number): number => ours / peer
  const figure = (peer: keyof typeof peerNames, goal?: number): Figure => ({
    name: `${situation.kind}, ${isInMemory ? 'in memory' : 'in DynamoDB'}, against ${peerNames[peer]}`,
    unit: 'µs',
    ours: median(times.idempotency),
    peer: median(times[peer]),
    compared: isInMemory ? 'extra' : 'ratio',
    value: medianOfRounds(times.idempotency, times[peer], compare),
    goal: goal === undefined ? undefined : { relation: 'at most', value: goal },
  })
  return [figure('makeIdempotent', isInMemory ? 8 : 1.05), figure('managed')]
}

const run = async (effort: Effort): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const kind of kinds) figures.push(...(await measure({ kind, endpoint: undefined }, effort)))
  const server = new Worker(new URL('./idempotency/server.ts', import.meta.url))
  try {
    const [endpoint] = (await once(server, 'message')) as [string]
    for (const kind of kinds) figures.push(...(await measure({ kind, endpoint }, effort)))
  } finally {
    await server.terminate()
  }
  return figures
}

/** What the middleware adds to Powertools' own function wrapper, which it builds on. */
export const idempotency: Benchmark = { title: 'One idempotent request, first and again', run }
