import type { InvocationResult } from '../results.ts'
import type { RuntimeStats } from '../statistics.ts'
import { count } from './progress.ts'

/** What `lmi run --json` prints. Times are milliseconds. */
export interface RunReport {
  readonly handler: string
  readonly requests: number
  readonly ok: number
  /** Function errors by type. */
  readonly errors: Readonly<Record<string, number>>
  /** Function errors of types that were not expected. */
  readonly unexpectedErrors: number
  readonly timeouts: number
  readonly unanswered: number
  readonly lateAnswers: number
  readonly throughput: number
  readonly p50: number
  readonly p99: number
  readonly peakInFlight: number
  readonly peakInFlightPerWorker: readonly number[]
  readonly deadWorkers: readonly string[]
  readonly root: string
  readonly leaked: number
  /** The first of them. */
  readonly leakedNames: readonly string[]
  /** What the run did wrong; empty when it passed. */
  readonly failures: readonly string[]
}

interface Run {
  readonly handler: string
  readonly stats: RuntimeStats
  readonly results: readonly InvocationResult[]
  readonly expectedErrors: readonly string[]
  readonly root: string
  readonly leftovers: readonly string[]
}

const namesShown = 10

export function createReport({ handler, stats, results, expectedErrors, root, leftovers }: Run): RunReport {
  const errors: Record<string, number> = {}
  for (const result of results) {
    if (result.status !== 'function-error') continue
    errors[result.error.errorType] = (errors[result.error.errorType] ?? 0) + 1
  }
  const unexpectedErrors = Object.entries(errors)
    .filter(([type]) => !expectedErrors.includes(type))
    .reduce((sum, [, number]) => sum + number, 0)
  const { timeout, unanswered, ok } = stats.answers
  const timeouts = expectedErrors.includes('Sandbox.Timedout') ? 0 : timeout
  const failures = [
    unexpectedErrors > 0 && `${count(unexpectedErrors)} failed`,
    timeouts > 0 && `${count(timeouts)} timed out`,
    unanswered > 0 && `${count(unanswered)} unanswered`,
    leftovers.length > 0 && `${count(leftovers.length)} directories leaked`,
  ].filter((failure) => failure !== false)
  return {
    handler,
    requests: stats.requests,
    ok,
    errors,
    unexpectedErrors,
    timeouts: timeout,
    unanswered,
    lateAnswers: stats.lateAnswers,
    throughput: round(stats.throughput),
    p50: round(stats.p50),
    p99: round(stats.p99),
    peakInFlight: stats.peakInFlight,
    peakInFlightPerWorker: stats.peakInFlightPerWorker,
    deadWorkers: stats.workers.flatMap(({ diedOf }) => diedOf ?? []),
    root,
    leaked: leftovers.length,
    leakedNames: leftovers.slice(0, namesShown),
    failures,
  }
}

export function formatReport(report: RunReport): string {
  const rows: (readonly [string, string])[] = [
    [
      'Requests',
      `${count(report.requests)}: ${count(report.ok)} ok, ${count(sum(report.errors))} errors, ${count(report.timeouts)} timeouts`,
    ],
    ['Unanswered', count(report.unanswered)],
    ['Throughput', `${count(Math.round(report.throughput))} requests/s`],
    ['Latency', `p50 ${report.p50} ms, p99 ${report.p99} ms`],
    ['In flight', `at most ${report.peakInFlight}; by worker ${report.peakInFlightPerWorker.join(' ')}`],
    ['Late answers', count(report.lateAnswers)],
    ...Object.entries(report.errors).map(([type, number]) => ['Error', `${count(number)} x ${type}`] as const),
    ...report.deadWorkers.map((reason) => ['Dead worker', reason] as const),
    ['Leaked', `${count(report.leaked)} directories under ${report.root}`],
    ...report.leakedNames.map((name) => ['', name] as const),
    ['Result', report.failures.length === 0 ? 'passed' : `failed: ${report.failures.join(', ')}`],
  ]
  return `${report.handler}\n${rows.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`).join('')}`
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, number) => total + number, 0)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
