import { fileURLToPath } from 'node:url'
import { type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import type { Benchmark, Effort, Figure, Goal } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { median, medianOfRounds } from './harness/statistics.ts'

const workers = 4
const concurrency = 64

const names = ['bare', 'plain', 'ours'] as const

type HandlerName = (typeof names)[number]

// The warm-up is long because an environment lives for hours: V8 needs some 10,000 requests of a worker to compile what
// each of them runs through, and until then what runs at all is what costs.
const extents: Record<Effort, { readonly warmup: Extent; readonly extent: Extent; readonly requests: number }> = {
  full: { warmup: { rounds: 15, seconds: 0 }, extent: { rounds: 11, seconds: 30 }, requests: 4_000 },
  quick: { warmup: { rounds: 1, seconds: 0 }, extent: { rounds: 7, seconds: 0 }, requests: 300 },
}

/** One process may happen to be some hundredths faster than another that runs the same: each contestant has several. */
const generations: Record<Effort, number> = { full: 4, quick: 1 }

const start = (handler: HandlerName): Promise<LocalRuntime> =>
  startRuntime({
    handler: `runtime/handlers.${handler}`,
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    nodeOptions: process.execArgv.filter((argument) => argument.startsWith('--conditions')),
    workers,
    concurrency,
  })

/** Requests a second through the runtime. */
const throughput = async (runtime: LocalRuntime, requests: number): Promise<number> => {
  const events = Array.from({ length: requests }, () => ({}))
  const started = performance.now()
  const results = await runtime.burst(events)
  const seconds = (performance.now() - started) / 1000
  const failed = results.find(({ status }) => status !== 'ok')
  if (failed !== undefined) throw new Error(`A request ended as ${failed.status}`)
  return requests / seconds
}

const figures = (rates: Rounds<HandlerName>): Figure[] => {
  const figure = (name: string, ours: HandlerName, peer: HandlerName, goal?: Goal): Figure => ({
    name,
    unit: 'requests/s',
    ours: median(rates[ours]),
    peer: median(rates[peer]),
    compared: 'ratio',
    value: medianOfRounds(rates[ours], rates[peer], (left, right) => left / right),
    goal,
  })
  return [
    figure('managed() and untouched workspace(), against the bare handler', 'ours', 'bare', {
      relation: 'at least',
      value: 0.97,
    }),
    figure('managed() and untouched workspace(), against middy()', 'ours', 'plain'),
    figure('middy(), against the bare handler', 'plain', 'bare'),
  ]
}

const measureGeneration = async (effort: Effort): Promise<Rounds<HandlerName>> => {
  const { warmup, extent, requests } = extents[effort]
  const runtimes = new Map<HandlerName, LocalRuntime>()
  try {
    for (const name of names) runtimes.set(name, await start(name))
    const round = (name: HandlerName): Promise<number> => throughput(runtimes.get(name) as LocalRuntime, requests)
    await interleave(names, warmup, round)
    return await interleave(names, extent, round)
  } finally {
    for (const running of runtimes.values()) await running.stop()
  }
}

/** Throughput on the real runtime client, which does everything else that a request costs. */
export const runtime: Benchmark = {
  title: `Throughput on the runtime client, ${workers} workers, ${concurrency} in flight`,
  run: async (effort) => {
    const rates: Record<HandlerName, number[]> = { bare: [], plain: [], ours: [] }
    for (let generation = 0; generation < generations[effort]; generation++) {
      const found = await measureGeneration(effort)
      for (const name of names) rates[name].push(...found[name])
    }
    return figures(rates)
  },
}
