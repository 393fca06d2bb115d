import type { InvocationResult } from './results.ts'

/** Runs `invoke` for each event with at most `concurrency` calls open, and gives the results in the events' order. */
export async function runBurst(
  events: Iterable<unknown>,
  concurrency: number,
  invoke: (event: unknown) => Promise<InvocationResult>,
  onResult: ((result: InvocationResult, index: number) => void) | undefined,
): Promise<InvocationResult[]> {
  const results: InvocationResult[] = []
  const iterator = events[Symbol.iterator]()
  let next = 0
  let failed = false

  async function lane(): Promise<void> {
    while (!failed) {
      const { done, value } = iterator.next()
      if (done) return
      const index = next++
      const result = await invoke(value)
      results[index] = result
      onResult?.(result, index)
    }
  }

  try {
    await Promise.all(Array.from({ length: concurrency }, lane))
  } finally {
    failed = true
    iterator.return?.()
  }
  return results
}
