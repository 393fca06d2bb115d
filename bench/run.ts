import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Benchmark, type Effort, type Figure, isMet } from './harness/figure.ts'
import { table } from './harness/table.ts'

const benchmarks = {
  scope: async () => (await import('./scope.bench.ts')).scope,
  workspace: async () => (await import('./workspace.bench.ts')).workspace,
  parameters: async () => (await import('./parameters.bench.ts')).parameters,
  runtime: async () => (await import('./runtime.bench.ts')).runtime,
  database: async () => (await import('./database.bench.ts')).database,
  powertools: async () => (await import('./powertools.bench.ts')).powertools,
  idempotency: async () => (await import('./idempotency.bench.ts')).idempotency,
  batch: async () => (await import('./batch.bench.ts')).batch,
} satisfies Record<string, () => Promise<Benchmark>>

type BenchmarkName = keyof typeof benchmarks

const usage = `usage: run.ts [${Object.keys(benchmarks).join('] [')}] [--quick] [--check] [--json]

  --quick  measures briefly, to see that it works
  --check  ends with 1 if a goal is missed
  --json   prints the figures as JSON in the last line`

const readArguments = (): { names: BenchmarkName[]; quick: boolean; check: boolean; json: boolean } => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.find((name) => !Object.hasOwn(benchmarks, name))
  if (unknown !== undefined) throw new TypeError(`There is no benchmark "${unknown}".`)
  const named = positionals as BenchmarkName[]
  return { names: named.length > 0 ? named : (Object.keys(benchmarks) as BenchmarkName[]), ...values }
}

const run = async (names: readonly BenchmarkName[], effort: Effort): Promise<Record<string, Figure[]>> => {
  console.log(`Node.js ${process.version}, ${availableParallelism()} CPUs\n`)
  const found: Record<string, Figure[]> = {}
  for (const name of names) {
    const benchmark = await benchmarks[name]()
    const note = benchmark.note?.()
    console.log(note === undefined ? benchmark.title : `${benchmark.title}, ${note}`)
    const figures = await benchmark.run(effort)
    console.log(`${table(figures)}\n`)
    found[name] = figures
  }
  return found
}

const main = async (): Promise<void> => {
  let settings: ReturnType<typeof readArguments>
  try {
    settings = readArguments()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  const { names, quick, check, json } = settings
  const found = await run(names, quick ? 'quick' : 'full')
  const missed = Object.values(found)
    .flat()
    .filter((figure) => isMet(figure) === false)
  if (missed.length > 0) console.log(`${missed.length} ${missed.length === 1 ? 'goal is' : 'goals are'} missed.`)
  if (json) console.log(JSON.stringify({ node: process.version, figures: found, missed: missed.length }))
  if (check && missed.length > 0) process.exitCode = 1
}

await main()
