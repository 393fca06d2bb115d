import type { Scope } from '../../src/scope/scope.ts'
import type { Reading } from './cache/entry.ts'

/** Records for a request how many values it was served from the cache, and how many it has to wait for. */
export const recordReads = (scope: Scope, hits: number, misses: number): void => {
  scope.record({ name: 'ParameterHits', unit: 'Count', value: hits })
  scope.record({ name: 'ParameterMisses', unit: 'Count', value: misses })
}

/** The same of readings; one that has failed is neither. */
export const recordReadings = (scope: Scope, readings: readonly Reading[]): void => {
  const misses = readings.filter(({ state }) => state === 'wanted').length
  const failures = readings.filter(({ state }) => state === 'failed').length
  recordReads(scope, readings.length - misses - failures, misses)
}

/** Waits for `landing`; records how long that took. */
export const recordWait = async (scope: Scope, landing: Promise<void>): Promise<void> => {
  const started = performance.now()
  try {
    await landing
  } finally {
    scope.record({ name: 'ParameterWait', unit: 'Milliseconds', value: performance.now() - started })
  }
}
