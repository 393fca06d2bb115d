import { describe, expect, test } from '@jest/globals'
import { runBurst } from '../../src/local/burst.ts'
import type { InvocationResult } from '../../src/local/index.ts'

const result = (requestId: unknown): InvocationResult => ({ requestId }) as InvocationResult

describe('a burst', () => {
  test('keeps at most the given number of calls open, and the order of the events', async () => {
    const open: (() => void)[] = []
    let peak = 0
    const done = runBurst(
      [0, 1, 2, 3, 4],
      2,
      (event) =>
        new Promise((resolve) => {
          open.push(() => resolve(result(event)))
          peak = Math.max(peak, open.length)
        }),
      undefined,
    )
    // The later of two open calls ends first.
    for (let index = 0; index < 5; index += 1) {
      open.pop()?.()
      await new Promise(setImmediate)
    }
    await expect(done).resolves.toEqual([0, 1, 2, 3, 4].map(result))
    expect(peak).toBe(2)
  })

  test('starts nothing more after a failure, and closes its events', async () => {
    let closed = false
    let calls = 0
    function* events(): Generator<number> {
      try {
        for (;;) yield calls
      } finally {
        closed = true
      }
    }
    const failing = async (): Promise<InvocationResult> => {
      calls += 1
      if (calls === 3) throw new Error('over')
      return result(calls)
    }
    await expect(runBurst(events(), 1, failing, undefined)).rejects.toThrow('over')
    await new Promise(setImmediate)
    expect(calls).toBe(3)
    expect(closed).toBe(true)
  })

  test('of no events has no results', async () => {
    await expect(runBurst([], 4, async () => result(0), undefined)).resolves.toEqual([])
  })
})
