import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { makeHandlerIdempotent } from '@aws-lambda-powertools/idempotency/middleware'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { currentScope, managed, type Scope, scopeOf } from 'middy-managed-instances'
import { idempotency } from 'middy-managed-instances/idempotency'
import { invoke } from 'middy-managed-instances/testing'
import { type Event, failureOf, Gate, type Handler, once } from './support/requests.ts'
import { cacheStore, dynamoStore, ownDatabase, type Store } from './support/stores.ts'

const database = ownDatabase()
const event = { order: 1 }

const stores: [string, () => Store][] = [
  ['DynamoDB', () => dynamoStore(database)],
  ['a cache', () => cacheStore()],
]

interface Scenario {
  readonly handler: Handler
  /** How often the handler has run. */
  readonly executions: () => number
}

type Middleware = (persistenceStore: Store) => middy.MiddlewareObj

const ours: Middleware = (persistenceStore) => idempotency({ persistenceStore }) as middy.MiddlewareObj
const official: Middleware = (persistenceStore) =>
  makeHandlerIdempotent({ persistenceStore, config: new IdempotencyConfig({}) }) as middy.MiddlewareObj

/** A later middleware answers the first request before its handler runs. */
const earlyAnswer = (middleware: Middleware, store: Store): Scenario => {
  let executions = 0
  let early = true
  const handler = middy<Event, unknown>(managed())
    .use(middleware(store))
    .before(() => {
      if (!early) return undefined
      early = false
      return 'early'
    })
    .handler(async () => ++executions)
  return { handler: handler as Handler, executions: () => executions }
}

/** An earlier middleware's `after` throws at the first request, when the handler has returned. */
const failingAfter = (middleware: Middleware, store: Store): Scenario => {
  let executions = 0
  let fails = true
  const handler = middy<Event, unknown>(managed())
    .after(() => {
      if (!fails) return
      fails = false
      throw new Error('after')
    })
    .use(middleware(store))
    .handler(async () => ++executions)
  return { handler: handler as Handler, executions: () => executions }
}

/** The handler changes the event it was given. */
const changedEvent = (middleware: Middleware, store: Store): Scenario => {
  let executions = 0
  const handler = middy<Event, unknown>(managed())
    .use(middleware(store))
    .handler(async (given) => {
      given['changed'] = true
      return ++executions
    })
  return { handler: handler as Handler, executions: () => executions }
}

describe.each(stores)('with records in %s', (_, storeOf) => {
  test('an early answer of another middleware takes no lock', async () => {
    const { handler, executions } = earlyAnswer(ours, storeOf())
    expect(await invoke(handler, event)).toBe('early')
    expect(await invoke(handler, event)).toBe(1)
    expect(await invoke(handler, event)).toBe(1)
    expect(executions()).toBe(1)
  })

  test('work that is done is not done again after an outer after has thrown', async () => {
    const { handler, executions } = failingAfter(ours, storeOf())
    expect((await failureOf(invoke(handler, event))).message).toBe('after')
    expect(await invoke(handler, event)).toBe(1)
    expect(executions()).toBe(1)
  })

  test('a third arrival is refused as the second was', async () => {
    const gate = new Gate()
    let executions = 0
    const handler = once({ persistenceStore: storeOf() }, async () => {
      executions++
      await gate.wait()
    })
    const first = invoke(handler, event)
    await gate.begun
    for (let arrival = 2; arrival < 4; arrival++)
      expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    gate.open()
    await first
    expect(executions).toBe(1)
  })

  test('a handler that runs on after the timeout keeps its lock, and saves its result', async () => {
    const gate = new Gate()
    let executions = 0
    const handler = once({ persistenceStore: storeOf(), zombieGrace: 60_000 }, async () => {
      executions++
      await gate.wait()
      return 'late'
    })
    const timedOut = await failureOf(invoke(handler, event, { timeout: 1_000 }))
    expect(timedOut.name).toBe('TimeoutError')
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    gate.open()
    expect(await eventually(() => invoke(handler, event))).toBe('late')
    expect(executions).toBe(1)
  })

  test('a handler that fails after the timeout gives its lock up', async () => {
    const gate = new Gate()
    let executions = 0
    const handler = once({ persistenceStore: storeOf(), zombieGrace: 60_000 }, async (_event, _context, { signal }) => {
      if (executions++ > 0) return 'done'
      await gate.wait()
      signal.throwIfAborted()
      return 'not reached'
    })
    expect((await failureOf(invoke(handler, event, { timeout: 1_000 }))).name).toBe('TimeoutError')
    gate.open()
    expect(await eventually(() => invoke(handler, event))).toBe('done')
    expect(executions).toBe(2)
  })
})

/** The answer to the first of many requests that finds the record free or complete. */
const eventually = async (send: () => Promise<unknown>): Promise<unknown> => {
  for (;;) {
    const [settled] = await Promise.allSettled([send()])
    if (settled?.status === 'fulfilled') return settled.value
    if (settled?.reason.name !== 'IdempotencyAlreadyInProgressError') throw settled?.reason
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a handler whose lock has run out', () => {
  const longerThanAnyLock = 3_600_000 / 2

  /** From now on it is half an hour later, for locks: what a test has no time to wait for. */
  const leap = (): void => {
    const now = Date.now.bind(Date)
    jest.spyOn(Date, 'now').mockImplementation(() => now() + longerThanAnyLock)
  }
  afterEach(() => void jest.restoreAllMocks())

  test('saves its result, which the failure of its successor does not delete', async () => {
    const [first, second] = [new Gate(), new Gate()]
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => {
      if (++executions === 1) return first.wait().then(() => 'late')
      await second.wait()
      throw new Error('successor')
    })
    const late = Promise.allSettled([invoke(handler, event)])
    await first.begun
    leap()
    const successor = failureOf(invoke(handler, event))
    await second.begun
    const saved = database.answered('UpdateItem')
    first.open()
    await Promise.all([saved, late])
    second.open()
    expect((await successor).message).toBe('successor')
    expect(await invoke(handler, event)).toBe('late')
    expect(executions).toBe(2)
  })

  test('leaves the lock of its successor alone when it fails', async () => {
    const [first, second] = [new Gate(), new Gate()]
    let executions = 0
    let settled: Promise<void> | undefined
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => {
      if (++executions > 1) return second.wait()
      settled = currentScope()?.handlerSettled
      await first.wait()
      throw new Error('late')
    })
    const late = Promise.allSettled([invoke(handler, event)])
    await first.begun
    leap()
    const successor = invoke(handler, event)
    await second.begun
    first.open()
    await Promise.all([settled, late])
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    expect(database.calls).not.toContain('DeleteItem')
    second.open()
    await successor
    expect(executions).toBe(2)
  })
})

describe('the lock', () => {
  const lockOf = async (): Promise<number> => Number((await database.items())[0]?.['in_progress_expiration']?.N)

  test('lasts until zombieGrace after the deadline of each request, though they share layer and configuration', async () => {
    const persistenceStore = dynamoStore(database)
    const config = new IdempotencyConfig({})
    const gates = [new Gate(), new Gate()] as const
    const long = once({ persistenceStore, config, zombieGrace: 5_000 }, gates[0].wait)
    const short = once({ persistenceStore, config, zombieGrace: 1_000 }, gates[1].wait)
    const sent = Date.now()
    const running = [invoke(long, { order: 'long' }, { timeout: 20_000 })]
    await gates[0].begun
    running.push(invoke(short, { order: 'short' }, { timeout: 3_000 }))
    await gates[1].begun
    const locks = (await database.items())
      .map((item) => Number(item['in_progress_expiration']?.N) - sent)
      .sort((a, b) => a - b)
    expect(locks[0]).toBeGreaterThan(3_900)
    expect(locks[0]).toBeLessThan(5_000)
    expect(locks[1]).toBeGreaterThan(24_900)
    expect(locks[1]).toBeLessThan(26_000)
    for (const gate of gates) gate.open()
    await Promise.all(running)
    expect(config.lambdaContext).toBeUndefined()
  })

  test('lasts for as long as Lambda lets a request run if the context has no deadline', async () => {
    const gate = new Gate()
    const handler = once({ persistenceStore: dynamoStore(database), zombieGrace: 0 }, gate.wait)
    const running = handler(event, {} as never)
    await gate.begun
    expect((await lockOf()) - Date.now()).toBeLessThanOrEqual(900_000)
    expect((await lockOf()) - Date.now()).toBeGreaterThan(890_000)
    gate.open()
    await running
  })

  test('is given back without running the handler if it comes after the timeout', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database), zombieGrace: 60_000 }, async () => ++executions)
    database.fail('PutItem', 'hang')
    expect((await failureOf(invoke(handler, event, { timeout: 200 }))).name).toBe('TimeoutError')
    const removed = database.answered('DeleteItem')
    database.recover()
    await removed
    expect(await invoke(handler, event)).toBe(1)
    expect(executions).toBe(1)
  })

  test('is not asked for by a request whose befores took until its end', async () => {
    let executions = 0
    const handler = middy<Event, unknown>(managed())
      .use(idempotency({ persistenceStore: dynamoStore(database) }))
      .before((request) => {
        const { signal } = scopeOf(request) as Scope
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      })
      .handler(async () => ++executions)
    const ended = failureOf(invoke(handler, event, { timeout: 30 }))
    expect((await ended).name).toBe('RequestEndedError')
    expect(executions).toBe(0)
    expect(await database.items()).toEqual([])
  })
})

describe("Powertools' middleware, in the same situations,", () => {
  test('keeps a lock after an early answer', async () => {
    const { handler } = earlyAnswer(official, dynamoStore(database))
    await invoke(handler, event)
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
  })

  test('does work again after an outer after has thrown', async () => {
    const { handler, executions } = failingAfter(official, dynamoStore(database))
    await failureOf(invoke(handler, event))
    await invoke(handler, event)
    expect(executions()).toBe(2)
  })

  test('runs a third arrival while the first is running', async () => {
    const gate = new Gate()
    let executions = 0
    const handler = middy<Event, unknown>()
      .use(official(dynamoStore(database)))
      .handler(async () => {
        if (executions++ === 0) await gate.wait()
        return 'done'
      })
    const first = invoke(handler, event)
    await gate.begun
    await failureOf(invoke(handler, event))
    await invoke(handler, event)
    expect(executions).toBe(2)
    gate.open()
    await first
  })

  test('does not know the event again that the handler has changed', async () => {
    const { handler, executions } = changedEvent(official, dynamoStore(database))
    await invoke(handler, { order: 1 })
    await failureOf(invoke(handler, { order: 1 }))
    expect(executions()).toBe(1)
    const known = changedEvent(ours, dynamoStore(database))
    await invoke(known.handler, { order: 2 })
    expect(await invoke(known.handler, { order: 2 })).toBe(1)
  })
})
