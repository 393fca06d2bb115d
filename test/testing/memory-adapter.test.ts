import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import {
  adapterContract,
  barrier,
  expectNoLeaks,
  invoke,
  invokeConcurrently,
  type MemoryAdapter,
  memoryAdapter,
} from 'middy-managed-instances/testing'

let made = 0

/** A client that knows which one it is. */
class Client {
  readonly #id = ++made
  async query(): Promise<number> {
    return this.#id
  }
}

describe('the contract of adapters', () => {
  const rules = adapterContract<Client>({
    make: (connections) => memoryAdapter({ client: () => new Client(), connections }),
    use: (client) => client.query(),
    shared: false,
  })
  for (const { name, run } of rules) test(name, run)
})

const handlerOf = <R>(db: MemoryAdapter<Client>, work: (client: Client) => R) =>
  middy<unknown, R>(managed())
    .use(database({ db }))
    .handler(async (_event, { db }) => work(await db.client()))

test('counts what it lends, makes a client for each that is lent at once, and gets all back', async () => {
  const db = memoryAdapter({ client: () => new Client() })
  const meet = barrier(3)
  const results = await invokeConcurrently(
    handlerOf(db, async (client) => {
      await meet()
      return client.query()
    }),
    [1, 2, 3],
  )
  expect(new Set(results.map((result) => result.status === 'fulfilled' && result.value)).size).toBe(3)
  await invoke(
    handlerOf(db, (client) => client.query()),
    undefined,
  )
  expect({ leases: db.leases, lent: db.lent, returned: db.returned }).toEqual({ leases: 4, lent: 0, returned: 4 })
  expect(await db.pool).toHaveLength(3)
})

test('lends a request nothing that asks for nothing', async () => {
  const db = memoryAdapter({ client: () => new Client() })
  await invoke(
    middy<object, string>(managed())
      .use(database({ db }))
      .handler(async () => 'done'),
    {},
  )
  expect([db.leases, (await db.pool).length]).toEqual([0, 0])
})

test('fails the use of a client after its request, with the error of the real ones', async () => {
  const db = memoryAdapter({ client: () => new Client() })
  const client = await invoke(
    middy<undefined, { client: Client }>(managed())
      .use(database({ db }))
      .handler(async (_event, { db }) => ({ client: await db.client() })),
    undefined,
  )
  expect(() => client.client.query()).toThrow(expect.objectContaining({ code: 'REQUEST_ENDED' }))
})

test('has others wait for a client that is lent, and tells how many', async () => {
  const db = memoryAdapter({ client: () => new Client(), connections: 1 })
  const release = Promise.withResolvers<void>()
  const handler = handlerOf(db, () => release.promise)
  const answers = invokeConcurrently(handler, [1, 2, 3])
  while (db.waiting < 2) await new Promise(setImmediate)
  expect(db.lent).toBe(1)
  release.resolve()
  expect((await answers).map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'))
  expect([db.leases, db.waiting]).toEqual([3, 0])
})

test('fails as often as it is told to', async () => {
  const db = memoryAdapter({ client: () => new Client(), name: 'orders' })
  const lost = new RangeError('lost')
  db.failNext(lost)
  db.failNext(lost)
  const handler = handlerOf(db, (client) => client.query())
  await expect(invoke(handler, 1)).rejects.toBe(lost)
  await expect(invoke(handler, 2)).rejects.toBe(lost)
  await expect(invoke(handler, 3)).resolves.toEqual(expect.any(Number))
})

test('a client that is never given back is a leak, by the name of its database', async () => {
  const db = memoryAdapter({ client: () => new Client(), name: 'orders' })
  const request = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY, giveBack: async () => {} }
  const leases = [await db.acquire(request), await db.acquire(request)]
  await expect(expectNoLeaks(0)).rejects.toThrow('  - 2 clients of orders not given back')
  await leases.pop()?.end(undefined)
  await expect(expectNoLeaks(0)).rejects.toThrow('  - 1 client of orders not given back')
  await leases.pop()?.end(undefined)
  await expectNoLeaks(0)
})

test('refuses options that are none', () => {
  expect(() => memoryAdapter({} as { client: () => Client })).toThrow(
    'memoryAdapter(): option "client" must be a function',
  )
  expect(() => memoryAdapter({ client: () => new Client(), connections: 0 })).toThrow('a whole number, 1 or more')
})
