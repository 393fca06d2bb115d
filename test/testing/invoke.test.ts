import { InvokeStore } from '@aws/lambda-invoke-store'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { barrier, createContext, invoke, invokeConcurrently } from 'middy-managed-instances/testing'

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('invoke()', () => {
  test('gives the handler the event and a context, and resolves to its answer', async () => {
    const event = { a: 1 }
    const handler = async (received: unknown, context: Context): Promise<unknown> => [
      received === event,
      context.getRemainingTimeInMillis() > 29_000,
    ]
    await expect(invoke(handler, event)).resolves.toEqual([true, true])
  })

  test('rejects with what the handler throws, the very object, also of one that is not async', async () => {
    const thrown = new Error('thrown')
    const handlers = [
      () => Promise.reject(thrown),
      () => {
        throw thrown
      },
    ]
    for (const handler of handlers)
      expect(await invoke(handler as () => Promise<never>, {}).catch((error) => error)).toBe(thrown)
  })

  test('takes a context, or how long the request may take', async () => {
    const context = createContext()
    await expect(invoke(async (_event, received) => received === context, {}, { context })).resolves.toBe(true)
    const remaining = await invoke(async (_event, { getRemainingTimeInMillis: left }) => left(), {}, { timeout: 200 })
    expect(remaining).toBeLessThanOrEqual(200)
    expect(remaining).toBeGreaterThan(0)
  })

  test('runs the handler in an invoke store of its own request', async () => {
    const ids = async (_event: unknown, context: Context): Promise<boolean> => {
      await new Promise(setImmediate)
      return (await InvokeStore.getInstanceAsync()).getRequestId() === context.awsRequestId
    }
    const results = await invokeConcurrently(ids, range(10))
    expect(results).toEqual(range(10).map(() => ({ status: 'fulfilled', value: true })))
  })

  test('takes a middy handler and keeps the types of event and answer', async () => {
    const handler = middy<{ name: string }, string>(managed()).handler(async ({ name }) => `Hello ${name}`)
    const answer: string = await invoke(handler, { name: 'world' })
    expect(answer).toBe('Hello world')
    // @ts-expect-error: the event has a name
    await invoke(handler, { nam: 'world' })
  })
})

describe('invokeConcurrently()', () => {
  test('sends all events at once by default, with a context each', async () => {
    const meet = barrier(20)
    const ids = new Set<string>()
    const results = await invokeConcurrently(async (event: number, context: Context) => {
      ids.add(context.awsRequestId)
      await meet()
      return event * 2
    }, range(20))
    expect(results).toEqual(range(20).map((event) => ({ status: 'fulfilled', value: event * 2 })))
    expect(ids.size).toBe(20)
  })

  test('runs as many at once as it is told, and no more', async () => {
    const meet = barrier(4)
    let running = 0
    let peak = 0
    await invokeConcurrently(
      async () => {
        running += 1
        peak = Math.max(peak, running)
        await meet()
        running -= 1
      },
      range(20),
      { concurrency: 4 },
    )
    expect(peak).toBe(4)
  })

  test('reports how each ended, in the order of the events, however late', async () => {
    const released = Promise.withResolvers<void>()
    const answering = invokeConcurrently(async (event: number) => {
      if (event === 0) await released.promise
      if (event === 1) throw new RangeError('one')
      if (event === 2) released.resolve()
      return event
    }, range(3))
    await expect(answering).resolves.toEqual([
      { status: 'fulfilled', value: 0 },
      { status: 'rejected', reason: new RangeError('one') },
      { status: 'fulfilled', value: 2 },
    ])
  })

  test('gives every request its timeout', async () => {
    const results = await invokeConcurrently(
      async (_event, context: Context) => context.getRemainingTimeInMillis(),
      range(2),
      {
        timeout: 100,
      },
    )
    for (const result of results) expect(result.status === 'fulfilled' && result.value).toBeLessThanOrEqual(100)
  })

  test('of no events is no results', async () => {
    await expect(invokeConcurrently(async () => 1, [])).resolves.toEqual([])
  })

  test.each([0, -1, 1.5, Number.NaN, '4'])('refuses a concurrency of %p', async (concurrency) => {
    const answering = invokeConcurrently(async () => 1, [1], { concurrency: concurrency as number })
    await expect(answering).rejects.toThrow(TypeError)
    await expect(answering).rejects.toThrow('option "concurrency" must be a whole number, 1 or more, received')
  })

  test('refuses an option it does not know', async () => {
    const answering = invokeConcurrently(async () => 1, [1], { concurency: 1 } as object)
    await expect(answering).rejects.toThrow('invokeConcurrently(): unknown option "concurency" (received 1)')
  })
})
