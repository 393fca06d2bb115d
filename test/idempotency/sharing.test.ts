import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { makeHandlerIdempotent } from '@aws-lambda-powertools/idempotency/middleware'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { invoke } from 'middy-managed-instances/testing'
import { type Event, failureOf, Gate, type Handler, once } from './support/requests.ts'
import { cacheStore, dynamoStore, ownDatabase, type Store } from './support/stores.ts'

const database = ownDatabase()
const event = { order: 1 }

const stores: [string, () => Store][] = [
  ['DynamoDB', () => dynamoStore(database)],
  ['a cache', () => cacheStore()],
]

type Make = (persistenceStore: Store, keyPrefix: string, work: () => Promise<unknown>) => Handler

const official: Make = (persistenceStore, keyPrefix, work) =>
  middy<Event, unknown>()
    .use(makeHandlerIdempotent({ persistenceStore, keyPrefix }) as middy.MiddlewareObj)
    .handler(work) as Handler

const idOf = async (): Promise<string[]> =>
  (await database.items()).map(({ id, status }) => `${id?.S?.split('#')[0]} ${status?.S}`).sort()

describe.each(stores)('two functions that share a layer in %s', (_, storeOf) => {
  test.each([
    ['with a prefix each', 'orders', 'refunds'],
    ['one of them without a prefix', undefined, 'refunds'],
  ])('%s complete and release the records of their own', async (_, first, second) => {
    const persistenceStore = storeOf()
    const config = new IdempotencyConfig({})
    const gates = [new Gate(), new Gate()] as const
    const executions = [0, 0]
    const functions = [first, second].map((keyPrefix, index) =>
      once({ persistenceStore, config, ...(keyPrefix === undefined ? {} : { keyPrefix }) }, async () => {
        const execution = ++(executions as [number, number])[index as 0 | 1]
        await gates[index as 0 | 1].wait()
        if (index === 1 && execution === 1) throw new Error('refused')
        return `by ${index}`
      }),
    ) as [Handler, Handler]
    // Each begins before the other one settles, so that the layer has been configured for the other in between.
    const running = invoke(functions[0], event)
    await gates[0].begun
    const failing = failureOf(invoke(functions[1], event))
    await gates[1].begun
    gates[0].open()
    expect(await running).toBe('by 0')
    expect((await failureOf(invoke(functions[1], event))).name).toBe('IdempotencyAlreadyInProgressError')
    gates[1].open()
    expect((await failing).message).toBe('refused')
    expect(await invoke(functions[0], event)).toBe('by 0')
    expect(await invoke(functions[1], event)).toBe('by 1')
    expect(executions).toEqual([1, 2])
  })
})

describe('a layer', () => {
  test('has the prefix it had after each access, for those who configure it themselves', async () => {
    const persistenceStore = dynamoStore(database)
    const config = new IdempotencyConfig({})
    persistenceStore.configure({ config, keyPrefix: 'theirs' })
    await invoke(
      once({ persistenceStore, config, keyPrefix: 'ours' }, async () => 'done'),
      event,
    )
    expect(persistenceStore.idempotencyKeyPrefix).toBe('theirs')
    expect(await idOf()).toEqual(['ours COMPLETED'])
  })

  test("shared by two functions of Powertools' middleware completes the wrong record", async () => {
    const persistenceStore = dynamoStore(database)
    const gate = new Gate()
    const orders = official(persistenceStore, 'orders', async () => {
      await gate.wait()
      return 'order'
    })
    const refunds = official(persistenceStore, 'refunds', async () => 'refund')
    const running = invoke(orders, event)
    await gate.begun
    await invoke(refunds, event)
    gate.open()
    await running
    expect(await idOf()).toEqual(['orders INPROGRESS', 'refunds COMPLETED'])
    expect(await invoke(refunds, event)).toBe('order')
  })
})
