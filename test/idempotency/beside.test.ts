import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency'
import { describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type BatchResponse, batch } from 'middy-managed-instances/batch'
import { idempotency } from 'middy-managed-instances/idempotency'
import { barrier, createContext, invoke } from 'middy-managed-instances/testing'
import { type Event, failureOf, Gate, type Handler, once } from './support/requests.ts'
import { dynamoStore, ownDatabase } from './support/stores.ts'

const database = ownDatabase()

const statuses = async (): Promise<string[]> =>
  (await database.items()).map(({ id, status }) => `${id?.S?.split('#')[0]} ${status?.S}`).toSorted()

describe('beside makeIdempotent()', () => {
  test('on the same layer, within the handler, each has its own records, however requests overlap', async () => {
    const persistenceStore = dynamoStore(database)
    const config = new IdempotencyConfig({ eventKeyJmesPath: 'order' })
    config.registerLambdaContext(createContext())
    const meet = barrier(8)
    const runs = { orders: 0, charges: 0 }
    const charge = makeIdempotent(
      async ({ order }: { order: number }) => {
        runs.charges++
        await meet()
        return { charged: order }
      },
      { persistenceStore, config, keyPrefix: 'charges' },
    )
    const handler = once({ persistenceStore, config, keyPrefix: 'orders' }, async (event) => {
      runs.orders++
      return charge(event as { order: number })
    })
    const events = Array.from({ length: 8 }, (_, index) => ({ order: index + 1 }))
    const answers = events.map(({ order }) => ({ charged: order }))
    expect(await Promise.all(events.map((event) => invoke(handler, event)))).toEqual(answers)
    expect(await Promise.all(events.map((event) => invoke(handler, event)))).toEqual(answers)
    expect(runs).toEqual({ orders: 8, charges: 8 })
    expect(await statuses()).toEqual([...Array(8).fill('charges COMPLETED'), ...Array(8).fill('orders COMPLETED')])
  })

  test('a message that is in two batches at once is processed once, and the other batch reports it', async () => {
    const persistenceStore = dynamoStore(database)
    const config = new IdempotencyConfig({ eventKeyJmesPath: 'messageId' })
    config.registerLambdaContext(createContext())
    const gate = new Gate()
    const runs: string[] = []
    const process = makeIdempotent(
      async ({ messageId }: { messageId: string }) => {
        runs.push(messageId)
        if (messageId === 'both') await gate.wait()
      },
      { persistenceStore, config },
    )
    const handler = middy<SQSEvent, BatchResponse>(managed())
      .use(batch({ type: 'sqs', onRecordError: () => {} }))
      .handler(async (_event, { batch }) => batch.process(process))
    const eventOf = (...ids: string[]) => ({ Records: ids.map((messageId) => ({ messageId })) }) as SQSEvent
    const first = invoke(handler, eventOf('a', 'both'))
    await gate.begun
    expect(await invoke(handler, eventOf('both', 'b'))).toEqual({ batchItemFailures: [{ itemIdentifier: 'both' }] })
    gate.open()
    expect(await first).toEqual({ batchItemFailures: [] })
    expect(await invoke(handler, eventOf('both'))).toEqual({ batchItemFailures: [] })
    expect(runs.toSorted()).toEqual(['a', 'b', 'both'])
  })
})

describe('a handler that another one calls', () => {
  const route = (run: () => unknown): Handler => once({ persistenceStore: dynamoStore(database) }, run)

  test('runs once for its key, under managed(), whatever the other one is', async () => {
    let executions = 0
    const inner = route(() => ++executions)
    for (const outer of [middy<Event, unknown>(managed()), middy<Event, unknown>()]) {
      outer.handler(async (event, context) => inner(event, context))
      expect(await invoke(outer as Handler, { order: 1 })).toBe(1)
    }
    expect(executions).toBe(1)
  })

  test('keeps its lock when the other one times out, and its result when it ends', async () => {
    const gate = new Gate()
    const inner = route(() => gate.wait().then(() => 'late'))
    const outer = middy<Event, unknown>(managed()).handler(async (event, context) => inner(event, context)) as Handler
    expect((await failureOf(invoke(outer, { order: 2 }, { timeout: 300 }))).name).toBe('TimeoutError')
    const saved = database.answered('UpdateItem')
    gate.open()
    await saved
    expect(await invoke(outer, { order: 2 })).toBe('late')
  })
})

describe('two on one handler', () => {
  test('with keys of their own are passed one after the other', async () => {
    const persistenceStore = dynamoStore(database)
    let executions = 0
    const handler = middy<Event, unknown>(managed())
      .use(idempotency({ persistenceStore, keyPrefix: 'outer' }))
      .use(idempotency({ persistenceStore, keyPrefix: 'inner' }))
      .handler(async () => ++executions) as Handler
    expect(await invoke(handler, { order: 3 })).toBe(1)
    expect(await invoke(handler, { order: 3 })).toBe(1)
    expect(await statuses()).toEqual(['inner COMPLETED', 'outer COMPLETED'])
  })

  test('with one key refuse each other, and keep no lock', async () => {
    const persistenceStore = dynamoStore(database)
    const run = jest.fn()
    const handler = middy<Event, unknown>(managed())
      .use(idempotency({ persistenceStore }))
      .use(idempotency({ persistenceStore }))
      .handler(run as never) as Handler
    expect((await failureOf(invoke(handler, { order: 4 }))).name).toBe('IdempotencyAlreadyInProgressError')
    expect(run).not.toHaveBeenCalled()
    expect(await statuses()).toEqual([])
  })
})

describe("the layer's cache in memory", () => {
  test('has results for replays alone: neither a lock nor a failure', async () => {
    const config = new IdempotencyConfig({ useLocalCache: true })
    let executions = 0
    const gate = new Gate()
    const handler = once({ persistenceStore: dynamoStore(database), config }, async () => {
      if (++executions === 1) throw new RangeError('first')
      await gate.wait()
      return { execution: executions }
    })
    const event = { order: 5 }
    expect((await failureOf(invoke(handler, event))).message).toBe('first')
    const running = invoke(handler, event)
    await gate.begun
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    gate.open()
    expect(await running).toEqual({ execution: 2 })
    database.calls.length = 0
    const replayed = (await invoke(handler, event)) as { execution: number }
    replayed.execution = 99
    expect(await invoke(handler, event)).toEqual({ execution: 2 })
    expect(database.calls).toEqual([])
  })
})

describe('a context and an event that are frozen', () => {
  test('are no hindrance', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => ++executions)
    const send = () => handler(Object.freeze({ order: 6 }), Object.freeze(createContext()) as never)
    expect([await send(), await send()]).toEqual([1, 1])
  })
})
