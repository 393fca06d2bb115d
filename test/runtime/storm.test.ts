import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type InvocationResult, type LocalRuntime, startRuntime } from 'middy-managed-instances/local'

const requests = 10_000

/** How each kind may end, and how many of a hundred there are. */
const kinds = {
  returns: [54, ['ok']],
  untouched: [10, ['ok']],
  throws: [10, ['function-error']],
  early: [10, ['ok']],
  tree: [5, ['ok']],
  unawaited: [5, ['ok']],
  removes: [2, ['ok']],
  writesOn: [2, ['function-error', 'timeout']],
  zombie: [2, ['function-error', 'timeout']],
} as const satisfies Record<string, [number, InvocationResult['status'][]]>

type Kind = keyof typeof kinds

interface Event {
  readonly id: string
  readonly kind: Kind
  readonly pause: number
}

/** Mulberry32: the same seed gives the same storm. */
const randomOf = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const stormOf = (seed: number): Event[] => {
  const random = randomOf(seed)
  const bag = Object.entries(kinds).flatMap(([kind, [share]]) => Array<Kind>(share).fill(kind as Kind))
  return Array.from({ length: requests }, (_, index) => ({
    id: `${index}`,
    kind: bag[Math.floor(random() * bag.length)] as Kind,
    pause: Math.floor(random() * 4),
  }))
}

describe('10,000 requests through 64 in flight, in a random mix of outcomes', () => {
  const seed = Number(process.env['STORM_SEED'] ?? Date.now() % 1_000_000)
  const events = stormOf(seed)
  let runtime: LocalRuntime
  let results: InvocationResult[]

  beforeAll(async () => {
    runtime = await startRuntime({
      handler: 'test/runtime/fixtures/storm.handler',
      workers: 4,
      concurrency: 64,
      timeout: 1_000,
      privateTmp: true,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    results = await runtime.burst(events)
  }, 180_000)
  afterAll(() => runtime?.stop())

  const timedOut = (result: InvocationResult): boolean =>
    result.status === 'timeout' || (result.status === 'function-error' && result.error.errorType === 'TimeoutError')

  test('are all answered, each in its own way', () => {
    const wrong: unknown[] = []
    let late = 0
    for (const [index, result] of results.entries()) {
      const { kind, id } = events[index] as Event
      const expected: readonly string[] = kinds[kind][1]
      if (timedOut(result)) {
        if (!expected.includes('timeout')) late += 1
      } else if (!expected.includes(result.status)) wrong.push({ kind, id, result })
      else if (result.status === 'ok' && (result.payload as { id: string }).id !== id) wrong.push({ kind, id, result })
    }
    expect({ seed, wrong: wrong.slice(0, 3), count: wrong.length }).toEqual({ seed, wrong: [], count: 0 })
    expect(runtime.stats()).toMatchObject({ requests, unanswered: 0, peakInFlight: 64 })
    expect(runtime.stats().workers.every(({ alive }) => alive)).toBe(true)
    // On a busy machine a few may take longer than they are given.
    expect(late).toBeLessThan(requests / 20)
  })

  test('overlapped in every worker', () => {
    expect(Math.min(...runtime.stats().peakInFlightPerWorker)).toBeGreaterThan(4)
  })

  test('leave no directory once they have settled', async () => {
    const root = join(runtime.tmp, 'middy-managed-instances')
    const left = (): string[] => readdirSync(root).flatMap((lane) => readdirSync(join(root, lane)))
    const end = performance.now() + 15_000
    while (left().length > 0 && performance.now() < end) await wait(100)
    expect({ seed, left: left() }).toEqual({ seed, left: [] })
  })

  test('read nothing of each other, zombies included', () => {
    const fouls = join(runtime.tmp, 'fouls')
    expect({ seed, fouls: existsSync(fouls) ? readFileSync(fouls, 'utf8').split('\n').slice(0, 5) : [] }).toEqual({
      seed,
      fouls: [],
    })
  })
})
