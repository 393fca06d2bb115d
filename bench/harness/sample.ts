import { Bench, type BenchOptions } from 'tinybench'

const run = async (work: () => Promise<unknown>, options: BenchOptions): Promise<number[]> => {
  const bench = new Bench({ time: 0, warmup: false, throws: true, retainSamples: true, ...options })
  bench.add('work', work, { async: true })
  const [task] = await bench.run()
  if (task?.result.state !== 'completed') throw new Error(`tinybench: the task ended as ${task?.result.state}`)
  return (task.result.latency.samples ?? []).map((milliseconds) => milliseconds * 1000)
}

/** The times of `count` calls of `work`, one after the other, in microseconds. */
export const sample = (count: number, work: () => Promise<unknown>): Promise<number[]> =>
  run(work, { iterations: count })

/** The same with `inFlight` calls open all the time. */
export const sampleInFlight = (count: number, inFlight: number, work: () => Promise<unknown>): Promise<number[]> =>
  run(work, { iterations: count, concurrency: 'task', threshold: inFlight })
