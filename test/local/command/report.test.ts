import { describe, expect, test } from '@jest/globals'
import { createReport, formatReport } from '../../../src/local/command/report.ts'
import type { InvocationResult } from '../../../src/local/index.ts'
import { Statistics } from '../../../src/local/statistics.ts'

const failure = (errorType: string): InvocationResult => ({
  status: 'function-error',
  requestId: 'r',
  worker: 0,
  durationMs: 1,
  body: Buffer.alloc(0),
  error: { errorType, errorMessage: '', trace: [] },
})

function run(expectedErrors: readonly string[]) {
  const statistics = new Statistics(1)
  for (const status of ['ok', 'function-error', 'function-error', 'timeout', 'unanswered'] as const) {
    statistics.accepted()
    statistics.admitted(0.5)
    statistics.delivered(0)
    statistics.settled(status, 0, 12.345, 1000.5)
  }
  const results = [failure('TypeError'), failure('OrderError')]
  const leftovers = Array.from({ length: 12 }, (_, index) => `left ${index}`)
  return createReport({
    handler: 'a.handler',
    stats: statistics.read(),
    results,
    expectedErrors,
    root: '/r',
    leftovers,
  })
}

describe('the report of a run', () => {
  test('names every failure, and the first of the leaked directories', () => {
    const report = run([])
    expect(report).toMatchObject({
      requests: 5,
      ok: 1,
      errors: { TypeError: 1, OrderError: 1 },
      unexpectedErrors: 2,
      timeouts: 1,
      unanswered: 1,
      throughput: 5,
      p50: 12.3,
      p99: 12.3,
      leaked: 12,
      failures: ['2 failed', '1 timed out', '1 unanswered', '12 directories leaked'],
    })
    expect(report.leakedNames).toHaveLength(10)
  })

  test('forgives the errors that were expected, deadlines included', () => {
    expect(run(['OrderError']).failures[0]).toBe('1 failed')
    expect(run(['OrderError', 'TypeError', 'Sandbox.Timedout']).failures).toEqual([
      '1 unanswered',
      '12 directories leaked',
    ])
  })

  test('reads as lines', () => {
    expect(formatReport(run(['TypeError']))).toMatch(
      /^a\.handler\n {2}Requests {6}5: 1 ok, 2 errors, 1 timeouts\n(.*\n)+ {2}Error {9}1 x OrderError\n(.*\n)+ {2}Result {8}failed: 1 failed, 1 timed out/,
    )
  })
})
