import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import fc from 'fast-check'
import { managed } from 'middy-managed-instances'
import { idempotency } from 'middy-managed-instances/idempotency'
import { invoke } from 'middy-managed-instances/testing'
import { MemoryCache } from './support/cache.ts'
import { type Event, Gate } from './support/requests.ts'
import { cacheStore } from './support/stores.ts'

/** What one request meets on its way; each is for this request alone. */
interface Fate {
  /** What the handler does if it runs. */
  readonly handler: 'returns' | 'throws' | 'runs on, returns' | 'runs on, throws'
  /** Which hook of a middleware around idempotency() or behind it ends the request in another way. */
  readonly hook:
    | 'none'
    | 'early before'
    | 'failing before'
    | 'outer after throws'
    | 'inner after throws'
    | 'inner after answers'
  /** Whether the request is sent while all before it that run on still do. */
  readonly overlaps: boolean
}

const fates = fc.array(
  fc.record<Fate>({
    handler: fc.constantFrom('returns', 'throws', 'runs on, returns', 'runs on, throws'),
    hook: fc.constantFrom(
      'none',
      'early before',
      'failing before',
      'outer after throws',
      'inner after throws',
      'inner after answers',
    ),
    overlaps: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
)

const fail = (message: string): never => {
  throw new Error(message)
}

/** Sends requests of one key, each with its fate, and checks after each what must hold whatever came before. */
const live = async (requests: readonly Fate[]): Promise<void> => {
  const cache = new MemoryCache()
  const executions: ('returned' | 'threw')[] = []
  const running: { readonly gate: Gate; readonly answered: Promise<unknown> }[] = []
  const fateOf = (event: Event): Fate => event['fate'] as Fate
  const handler = middy<Event, unknown>(managed())
    .after(({ event }) => (fateOf(event).hook === 'outer after throws' ? fail('hook') : undefined))
    .use(idempotency({ persistenceStore: cacheStore(cache), zombieGrace: 60_000 }))
    .before(({ event }) => {
      const { hook } = fateOf(event)
      if (hook === 'failing before') fail('hook')
      return hook === 'early before' ? 'early' : undefined
    })
    .after(({ event }) => {
      const { hook } = fateOf(event)
      if (hook === 'inner after throws') fail('hook')
      return hook === 'inner after answers' ? 'hook' : undefined
    })
    .handler(async (event) => {
      const fate = fateOf(event)
      if (fate.handler.startsWith('runs on')) {
        current = event['gate'] as Gate
        await current.wait()
        current = undefined
      }
      const end = fate.handler.endsWith('returns') ? 'returned' : 'threw'
      executions.push(end)
      if (end === 'threw') fail('handler')
      return 'result'
    })
  let current: Gate | undefined

  const finish = async (): Promise<void> => {
    for (const { gate, answered } of running.splice(0)) {
      gate.open()
      await answered
    }
  }

  for (const fate of requests) {
    if (!fate.overlaps) await finish()
    const gate = new Gate()
    // What isn't enumerable is no part of the key, which is the same for all.
    const event = Object.defineProperties({ order: 1 } as Event, {
      fate: { value: fate },
      gate: { value: gate },
    })
    const locked = current !== undefined
    const before = executions.length
    const completed = executions.includes('returned')
    const answered = Promise.allSettled([invoke(handler, event)])
    const first = await Promise.race([answered, gate.begun])
    const isBeforeEnd = fate.hook === 'early before' || fate.hook === 'failing before'
    if (first === undefined) {
      expect([locked, completed, isBeforeEnd]).toEqual([false, false, false])
      running.push({ gate, answered })
      continue
    }
    const [settled] = first
    const ran = executions.length - before
    expect(ran).toBe(isBeforeEnd || locked || completed ? 0 : 1)
    if (fate.hook === 'none' && locked)
      expect(settled).toMatchObject({ reason: { name: 'IdempotencyAlreadyInProgressError' } })
    if (fate.hook === 'none' && completed) expect(settled).toEqual({ status: 'fulfilled', value: 'result' })
  }
  await finish()
  const completed = executions.filter((end) => end === 'returned').length
  expect(completed).toBeLessThanOrEqual(1)
  const [record, ...others] = [...cache.entries.values()]
  expect(others).toEqual([])
  expect(record === undefined ? undefined : JSON.parse(record.value).status).toBe(completed ? 'COMPLETED' : undefined)
}

describe('requests of one key', () => {
  test('complete at most once and leave no lock, whatever ends each of them and however they overlap', async () => {
    await fc.assert(fc.asyncProperty(fates, live), { numRuns: 300 })
  })
})
