import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { makeHandlerIdempotent } from '@aws-lambda-powertools/idempotency/middleware'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { ManagedRequiredError, managed } from 'middy-managed-instances'
import { idempotency } from 'middy-managed-instances/idempotency'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { type Event, failureOf, Gate, once } from './support/requests.ts'
import { cacheStore, dynamoStore, ownDatabase, type Store } from './support/stores.ts'

const database = ownDatabase()

const stores: [string, () => Store][] = [
  ['DynamoDB', () => dynamoStore(database)],
  ['a cache', () => cacheStore()],
]

describe.each(stores)('duplicates, with records in %s,', (_, storeOf) => {
  test('get the stored result, whatever it is', async () => {
    const persistenceStore = storeOf()
    for (const result of [{ charged: [1, { deep: true }] }, 'text', 0, false, null, '', [], undefined]) {
      let executions = 0
      const handler = once({ persistenceStore }, async () => {
        executions++
        return result
      })
      const event = { of: JSON.stringify(result) ?? 'nothing' }
      expect(await invoke(handler, event)).toEqual(result)
      expect(await invoke(handler, event)).toEqual(result)
      expect(executions).toBe(1)
    }
  })

  test('are refused while the first one runs, all of them, and leave it its lock', async () => {
    const gate = new Gate()
    let executions = 0
    const handler = once({ persistenceStore: storeOf() }, async () => {
      executions++
      await gate.wait()
      return 'done'
    })
    const first = invoke(handler, { order: 1 })
    await gate.begun
    for (let arrival = 2; arrival < 6; arrival++) {
      const refused = await failureOf(invoke(handler, { order: 1 }))
      expect(refused.name).toBe('IdempotencyAlreadyInProgressError')
    }
    gate.open()
    expect(await first).toBe('done')
    expect(await invoke(handler, { order: 1 })).toBe('done')
    expect(executions).toBe(1)
  })

  test('that come at once make one execution for each key', async () => {
    const executions = new Map<unknown, number>()
    const handler = once({ persistenceStore: storeOf() }, async ({ order }) => {
      executions.set(order, (executions.get(order) ?? 0) + 1)
      return order
    })
    const events = Array.from({ length: 160 }, (_, index) => ({ order: `order ${index % 10}` }))
    const results = await invokeConcurrently(handler, events, { concurrency: 32 })
    expect([...executions.values()]).toEqual(Array(10).fill(1))
    for (const [index, result] of results.entries())
      if (result.status === 'fulfilled') expect(result.value).toBe(`order ${index % 10}`)
      else expect(result.reason).toMatchObject({ name: 'IdempotencyAlreadyInProgressError' })
  })

  test('are known by the event as it came in, also if the handler changes it', async () => {
    let executions = 0
    const handler = once({ persistenceStore: storeOf() }, async (event) => {
      executions++
      const lines = event['lines'] as Event[]
      lines[0] = {}
      lines.push({ id: 2 })
      event['changed'] = true
      return 'done'
    })
    await invoke(handler, { lines: [{ id: 1 }] })
    await invoke(handler, { lines: [{ id: 1 }] })
    expect(executions).toBe(1)
  })

  test('are known by what a middleware before it makes of the event, and not by what one after it does', async () => {
    let executions = 0
    let traces = 0
    const handler = middy<Event, unknown>(managed())
      .before(({ event }) => {
        delete event['trace']
      })
      .use(idempotency({ persistenceStore: storeOf() }))
      .before(({ event }) => {
        event['trace'] = traces++
      })
      .handler(async () => {
        executions++
      })
    await invoke(handler, { order: 1, trace: 'a' })
    await invoke(handler, { order: 1, trace: 'b' })
    expect([executions, traces]).toEqual([1, 2])
  })

  test('pass the hooks of the other middlewares, whose changes are not stored', async () => {
    const outer: unknown[] = []
    const handler = middy<Event, { count: number }>(managed())
      .use({ before: () => void outer.push('before'), after: () => void outer.push('after') })
      .after(({ response }) => {
        if (response) response.count++
      })
      .use(idempotency({ persistenceStore: storeOf(), config: new IdempotencyConfig({ useLocalCache: true }) }))
      .handler(async () => ({ count: 1 }))
    for (let arrival = 0; arrival < 3; arrival++) expect(await invoke(handler, { order: 1 })).toEqual({ count: 2 })
    expect(outer).toEqual(['before', 'after', 'before', 'after', 'before', 'after'])
  })

  test('run again when the handler threw, which threw the same object', async () => {
    for (const thrown of [new RangeError('thrown'), 'text', undefined, null, 0]) {
      let executions = 0
      const handler = once({ persistenceStore: storeOf() }, async () => {
        if (executions++ === 0) throw thrown
        return 'done'
      })
      const event = { thrown: String(thrown) }
      const [failed] = await Promise.allSettled([invoke(handler, event)])
      expect(failed).toEqual({ status: 'rejected', reason: thrown })
      expect(await invoke(handler, event)).toBe('done')
      expect(executions).toBe(2)
    }
  })

  test('run again when the handler threw synchronously, also one of the errors Powertools tries again after', async () => {
    let executions = 0
    const thrown = Object.assign(new Error('thrown'), { name: 'IdempotencyInconsistentStateError' })
    const handler = once({ persistenceStore: storeOf() }, () => {
      if (executions++ === 0) throw thrown
      return 'done'
    })
    expect(await failureOf(invoke(handler, { order: 1 }))).toBe(thrown)
    expect(executions).toBe(1)
    expect(await invoke(handler, { order: 1 })).toBe('done')
  })
})

describe('a duplicate of an HTTP request', () => {
  const events: [string, Event, boolean][] = [
    ['a REST API or a load balancer', { httpMethod: 'POST', body: '{}' }, true],
    ['an HTTP API or a function URL', { requestContext: { http: { method: 'POST' } }, body: '{}' }, true],
    ['a queue', { Records: [{ body: '{}' }] }, false],
  ]

  test.each(events)('from %s gets a 409 on request, if it is one', async (_, event, isHttp) => {
    const gate = new Gate()
    const persistenceStore = dynamoStore(database)
    const handler = once({ persistenceStore, httpConflict: true }, gate.wait)
    const withoutOption = once({ persistenceStore }, gate.wait)
    const first = invoke(handler, event)
    await gate.begun
    expect(await failureOf(invoke(withoutOption, event))).toMatchObject({ name: 'IdempotencyAlreadyInProgressError' })
    if (isHttp) {
      const answer = (await invoke(handler, event)) as { statusCode: number; body: string }
      expect(answer.statusCode).toBe(409)
      expect(JSON.parse(answer.body)).toEqual({ message: expect.stringContaining('being processed') })
    } else expect(await failureOf(invoke(handler, event))).toMatchObject({ name: 'IdempotencyAlreadyInProgressError' })
    gate.open()
    await first
  })

  test('has the headers that other middlewares add', async () => {
    const gate = new Gate()
    const handler = middy<Event, { headers: Record<string, string> } | undefined>(managed())
      .after(({ response }) => {
        if (response) response.headers['Access-Control-Allow-Origin'] = '*'
      })
      .use(idempotency({ persistenceStore: dynamoStore(database), httpConflict: true }))
      .handler(async () => {
        await gate.wait()
        return undefined
      })
    const event = { httpMethod: 'POST' }
    const first = invoke(handler, event)
    await gate.begun
    expect(await invoke(handler, event)).toMatchObject({ headers: { 'Access-Control-Allow-Origin': '*' } })
    gate.open()
    await first
  })
})

describe("Powertools' configuration", () => {
  test('is followed: the hook for replays, the key, and the check of the payload', async () => {
    const config = new IdempotencyConfig({
      eventKeyJmesPath: 'order',
      payloadValidationJmesPath: 'amount',
      responseHook: (response) => ({ replayed: response }) as never,
    })
    const handler = once({ persistenceStore: dynamoStore(database), config }, async ({ amount }) => ({ amount }))
    expect(await invoke(handler, { order: 1, amount: 5, trace: 'a' })).toEqual({ amount: 5 })
    expect(await invoke(handler, { order: 1, amount: 5, trace: 'b' })).toEqual({ replayed: { amount: 5 } })
    const changed = await failureOf(invoke(handler, { order: 1, amount: 6 }))
    expect(changed.name).toBe('IdempotencyValidationError')
    expect(await invoke(handler, { order: 1, amount: 5 })).toEqual({ replayed: { amount: 5 } })
  })

  test('that is disabled runs the handler each time', async () => {
    process.env['POWERTOOLS_IDEMPOTENCY_DISABLED'] = 'true'
    try {
      let executions = 0
      const handler = once({ persistenceStore: dynamoStore(database) }, async () => ++executions)
      const withoutKey: Event = {}
      withoutKey['self'] = withoutKey
      await invoke(handler, withoutKey)
      expect(await invoke(handler, withoutKey)).toBe(2)
      expect(database.calls).toEqual([])
    } finally {
      delete process.env['POWERTOOLS_IDEMPOTENCY_DISABLED']
    }
  })

  test('shares records with makeHandlerIdempotent', async () => {
    const persistenceStore = dynamoStore(database)
    const official = middy<Event, unknown>()
      .use(makeHandlerIdempotent({ persistenceStore, keyPrefix: 'orders' }) as middy.MiddlewareObj)
      .handler(async () => 'official')
    const ours = once({ persistenceStore, keyPrefix: ' orders ' }, async () => 'ours')
    expect(await invoke(official, { order: 1 })).toBe('official')
    expect(await invoke(ours, { order: 1 })).toBe('official')
    expect(await invoke(ours, { order: 2 })).toBe('ours')
    expect(await invoke(official, { order: 2 })).toBe('ours')
  })
})

describe('on a plain middy()', () => {
  test('the first request is refused, with the remedy, and runs nothing', async () => {
    let executions = 0
    const handler = middy<Event, unknown>()
      .use(idempotency({ persistenceStore: dynamoStore(database) }))
      .handler(async () => ++executions)
    const refused = await failureOf(invoke(handler, { order: 1 }))
    expect(refused).toBeInstanceOf(ManagedRequiredError)
    expect(refused.message).toContain('idempotency() needs the request scope of managed()')
    expect(refused.message).toContain('middy(managed())')
    expect([executions, database.calls]).toEqual([0, []])
  })
})
