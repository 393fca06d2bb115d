import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { describe, expect, jest, test } from '@jest/globals'
import { invoke } from 'middy-managed-instances/testing'
import { MemoryCache } from './support/cache.ts'
import { type Event, failureOf, type Handler, once } from './support/requests.ts'
import { cacheStore, dynamoStore, ownDatabase } from './support/stores.ts'

const database = ownDatabase()
const event = { order: 1 }

const persistenceError = (message: RegExp): unknown =>
  expect.objectContaining({ name: 'IdempotencyPersistenceLayerError', message: expect.stringMatching(message) })

describe('a result', () => {
  const cycle = (): Event => {
    const value: Event = {}
    value['self'] = value
    return value
  }
  class Money {
    readonly amount = 5
  }

  test('that DynamoDB takes only as JSON is stored as JSON', async () => {
    const result = { note: undefined, at: new Date(0), money: new Money(), list: [1, undefined] }
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => result)
    expect(await invoke(handler, event)).toBe(result)
    expect(await invoke(handler, event)).toEqual(JSON.parse(JSON.stringify(result)))
  })

  test.each([
    ['a stream', () => new PassThrough(), /a stream is read once/],
    ['a streamed body', () => ({ statusCode: 200, body: new PassThrough() }), /a stream is read once/],
    ['a value that contains itself', cycle, /call stack/],
  ])('that is %s is refused, and its work is not done again while the lock lasts', async (_, resultOf, problem) => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => {
      executions++
      return resultOf()
    })
    expect(await failureOf(invoke(handler, event))).toEqual(persistenceError(problem))
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    expect(executions).toBe(1)
  })
})

describe('a record', () => {
  const keyOf = async (handler: Handler): Promise<string> => {
    await invoke(handler, event)
    return String((await database.items())[0]?.['id']?.S)
  }

  test('with a status that nobody knows runs nothing, and says which', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => ++executions)
    const id = await keyOf(handler)
    await database.put({ id: { S: id }, status: { S: 'BROKEN' }, expiration: { N: '99999999999' } })
    const failure = await failureOf(invoke(handler, event))
    expect(failure).toMatchObject({ name: 'IdempotencyInvalidStatusError' })
    expect(failure.message).toMatch(
      /^idempotency\(\): the stored record has the unknown status "BROKEN".*Delete the record/,
    )
    expect(executions).toBe(1)
  })

  test('that has expired is free', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => ++executions)
    const id = await keyOf(handler)
    await database.put({ id: { S: id }, status: { S: 'COMPLETED' }, expiration: { N: '1' }, data: { N: '7' } })
    expect(await invoke(handler, event)).toBe(2)
  })

  test('of a worker that died is free when its lock has run out', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => ++executions)
    const id = await keyOf(handler)
    const lock = { status: { S: 'INPROGRESS' }, expiration: { N: '99999999999' } }
    await database.put({ id: { S: id }, ...lock, in_progress_expiration: { N: String(Date.now() + 60_000) } })
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    await database.put({ id: { S: id }, ...lock, in_progress_expiration: { N: String(Date.now() - 1) } })
    expect(await invoke(handler, event)).toBe(2)
  })

  test.each([
    ['deleted', undefined],
    ['overwritten with nonsense', { status: { S: 'BROKEN' } }],
    ['expired', { status: { S: 'INPROGRESS' }, expiration: { N: '1' } }],
  ])('that is %s while the handler runs has its result in the end', async (_, attributes) => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => {
      const [item] = await database.items()
      if (attributes === undefined) await database.clear()
      else await database.put({ id: item?.['id'] as never, ...attributes })
      return ++executions
    })
    expect(await invoke(handler, event)).toBe(1)
    expect(await invoke(handler, event)).toBe(1)
  })

  test('that is gone from the cache between two looks at it is asked for again', async () => {
    class Forgetful extends MemoryCache {
      forgets = 1
      override async get(name: string): Promise<string | null> {
        if (this.forgets-- > 0) await this.del([name])
        return super.get(name)
      }
    }
    const cache = new Forgetful()
    let executions = 0
    const handler = once({ persistenceStore: cacheStore(cache) }, async () => ++executions)
    await invoke(handler, event)
    expect(await invoke(handler, event)).toBe(2)
    expect(await invoke(handler, event)).toBe(2)
  })

  describe('of a dead worker that another one takes up meanwhile', () => {
    class Contended extends MemoryCache {
      onContention = async (_cache: Contended, _name: string): Promise<unknown> => undefined
      override async set(
        name: string,
        value: unknown,
        options: { EX?: number; NX?: boolean } = {},
      ): Promise<string | null> {
        if (!name.endsWith(':lock')) return super.set(name, value, options)
        await this.onContention(this, name.slice(0, -':lock'.length))
        return null
      }
    }

    const contended = async (onContention: Contended['onContention'], work: () => Promise<unknown>) => {
      const cache = new Contended()
      cache.onContention = onContention
      const handler = once({ persistenceStore: cacheStore(cache) }, work)
      await invoke(handler, event)
      const orphan = JSON.stringify({ status: 'INPROGRESS', expiration: 99_999_999_999, in_progress_expiration: 1 })
      for (const [name, entry] of cache.entries) cache.entries.set(name, { ...entry, value: orphan })
      return handler
    }

    test('is free when that one has given it up', async () => {
      let executions = 0
      const handler = await contended(
        (cache, name) => cache.del([name]),
        async () => ++executions,
      )
      expect(await invoke(handler, event)).toBe(2)
    })

    test('runs nothing if the record can not be read then', async () => {
      let executions = 0
      const breakOff = async (cache: MemoryCache): Promise<void> => {
        cache.get = () => Promise.reject(new Error('Connection is closed.'))
      }
      const handler = await contended(breakOff, async () => ++executions)
      expect(await failureOf(invoke(handler, event))).toEqual(persistenceError(/Connection is closed.*was not run/))
      expect(executions).toBe(1)
    })
  })

  test('in the cache that is no JSON is taken over by one of those who find it', async () => {
    const cache = new MemoryCache()
    let executions = 0
    const handler = once({ persistenceStore: cacheStore(cache) }, async () => ++executions)
    await invoke(handler, event)
    for (const [name, entry] of cache.entries) cache.entries.set(name, { ...entry, value: '{' })
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => invoke(handler, event)))
    expect(executions).toBe(2)
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
  })
})

describe('an event', () => {
  const config = (options: object): IdempotencyConfig =>
    new IdempotencyConfig({ eventKeyJmesPath: 'order', ...options })

  test('without what eventKeyJmesPath names runs without idempotency', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database), config: config({}) }, async () => ++executions)
    await invoke(handler, { other: 1 })
    expect(await invoke(handler, { other: 1 })).toBe(2)
    expect(database.calls).toEqual([])
  })

  test('has no key from what it calls its prototype', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database), config: config({}) }, async () => ++executions)
    const posing = (): Event => JSON.parse('{ "__proto__": { "order": 1 } }')
    await invoke(handler, posing())
    expect(await invoke(handler, posing())).toBe(2)
    expect(database.calls).toEqual([])
  })

  test('without what eventKeyJmesPath names is refused with throwOnNoIdempotencyKey', async () => {
    let executions = 0
    const persistenceStore = dynamoStore(database)
    const handler = once(
      { persistenceStore, config: config({ throwOnNoIdempotencyKey: true }) },
      async () => ++executions,
    )
    const failure = await failureOf(invoke(handler, { other: 1 }))
    expect(failure).toMatchObject({ name: 'IdempotencyKeyError' })
    expect(failure.message).toMatch(
      /^idempotency\(\): the event has nothing to make a key of .*throwOnNoIdempotencyKey/,
    )
    expect(executions).toBe(0)
  })

  test('that has no JSON form is refused, unless the key does without that part', async () => {
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => 'done')
    expect(await failureOf(invoke(handler, { amount: 5n }))).toEqual(persistenceError(/BigInt.*eventKeyJmesPath/))
    const cycle: Event = { order: 1 }
    cycle['self'] = cycle
    const failure = await failureOf(invoke(handler, cycle))
    expect(failure).toMatchObject({ name: 'IdempotencyKeyError', message: expect.stringMatching(/can't be copied/) })
    const keyed = once({ persistenceStore: dynamoStore(database), config: config({}) }, async () => 'done')
    expect(await invoke(keyed, { order: randomUUID(), amount: 5n })).toBe('done')
    expect((await database.items()).length).toBe(1)
  })

  test("keeps Powertools' warning for one that is empty", async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {})
    const handler = once({ persistenceStore: dynamoStore(database) }, async () => 'done')
    expect(await invoke(handler, {})).toBe('done')
    expect(warn.mock.calls.flat().join()).toContain('No value found for idempotency_key')
    warn.mockRestore()
  })
})
