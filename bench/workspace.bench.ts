import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Benchmark, Effort, Figure, Goal } from './harness/figure.ts'
import { type Extent, interleave, type Rounds } from './harness/interleave.ts'
import { Isolate } from './harness/isolate.ts'
import { median, medianOfRounds } from './harness/statistics.ts'
import { type Competitor, competitors } from './workspace/competitors.ts'
import { fileSystemOf } from './workspace/file-system.ts'
import type { Load } from './workspace/worker.ts'

interface Setting {
  readonly name: string
  readonly workers: number
  readonly inFlight: number
  /** Of one worker, in one round. */
  readonly requests: number
  /** The most that ours may take of what `mkdtemp` and `rm -r` do. */
  readonly ofMkdtemp: number
}

const settings: readonly Setting[] = [
  { name: 'sequentially', workers: 1, inFlight: 1, requests: 30, ofMkdtemp: 0.75 },
  { name: '64 in flight', workers: 1, inFlight: 64, requests: 256, ofMkdtemp: 0.95 },
  { name: '8 workers x 8', workers: 8, inFlight: 8, requests: 64, ofMkdtemp: 0.65 },
]

const warmup: Extent = { rounds: 2, seconds: 0 }

const extents: Record<Effort, Extent> = {
  full: { rounds: 41, seconds: 15 },
  quick: { rounds: 5, seconds: 0 },
}

type Pool = readonly Isolate<Load, number[]>[]

const measure = async (pool: Pool, setting: Setting, effort: Effort): Promise<Figure[]> => {
  const { requests, inFlight } = setting
  const workers = pool.slice(0, setting.workers)
  const round = async (competitor: Competitor): Promise<number> => {
    const load: Load = { competitor, requests, inFlight }
    return median((await Promise.all(workers.map((worker) => worker.measure(load)))).flat())
  }
  await interleave(competitors, warmup, round)
  return figures(setting, await interleave(competitors, extents[effort], round))
}

const figures = ({ name, ofMkdtemp }: Setting, times: Rounds<Competitor>): Figure[] => {
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
    figure('workspace.file', 'by hand', { relation: 'at most', value: 1.15 }),
    figure('workspace.file', 'mkdtemp + rm -r', { relation: 'at most', value: ofMkdtemp }),
    figure('workspace.file', 'tmp-promise', { relation: 'below', value: 1 }),
    figure('workspace.file', 'tempy', { relation: 'below', value: 1 }),
    figure('workspace.write', 'by hand'),
  ]
}

/** What it costs to create a directory, to write 4 KB into it and to remove it. */
export const workspace: Benchmark = {
  title: 'A request that writes one file of 4 KB into a directory of its own, median latency',
  note: () => `on ${fileSystemOf(tmpdir())}`,
  run: async (effort) => {
    const root = mkdtempSync(join(tmpdir(), 'middy-managed-instances-bench-'))
    const file = new URL('./workspace/worker.ts', import.meta.url)
    const workers = Math.max(...settings.map((setting) => setting.workers))
    const pool = Array.from({ length: workers }, () => new Isolate<Load, number[]>(file, root))
    try {
      const found: Figure[] = []
      for (const setting of settings) found.push(...(await measure(pool, setting, effort)))
      return found
    } finally {
      for (const isolate of pool) await isolate.stop()
      await rm(root, { recursive: true, force: true })
    }
  },
}
