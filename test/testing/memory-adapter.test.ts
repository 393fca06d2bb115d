import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { type Ending, managed, RequestEndedError } from 'middy-managed-instances'
import {
  type Database,
  DatabaseClosedError,
  database,
  type Lease,
  LeaseReleasedError,
  type LeaseRequest,
} from 'middy-managed-instances/database'
import {
  type AdapterUnderTest,
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

/** A client without a connection of its own: each query and transaction has one of `connections` while it runs. */
class Handle {
  readonly connections: MemoryAdapter<Client>
  readonly request: LeaseRequest
  #refusal: Error | undefined

  constructor(connections: MemoryAdapter<Client>, request: LeaseRequest) {
    this.connections = connections
    this.request = request
  }

  query(): Promise<number> {
    return this.transact(async (connection) => connection)
  }

  async transact<R>(work: (connection: number) => Promise<R>): Promise<R> {
    this.refuseIfEnded()
    const lease = await this.connections.acquire(this.request)
    try {
      this.refuseIfEndedMeanwhile()
      return await work(await lease.client.query())
    } finally {
      await lease.end(undefined)
    }
  }

  async end(): Promise<void> {
    await this.request.giveBack()
  }

  refuseIfEnded(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  refuseIfEndedMeanwhile(): void {
    this.refuseIfEnded()
  }

  revoke(ending: Ending | undefined): undefined {
    this.#refusal ??=
      ending === undefined
        ? new LeaseReleasedError('handles', 'a query')
        : new RequestEndedError('a handle', ending.outcome)
  }
}

const handles = (Kind = Handle): AdapterUnderTest<Handle> => ({
  make: (count) => {
    const connections = memoryAdapter({ client: () => new Client(), connections: count, name: 'handles' })
    let isClosed = false
    const acquire: Database<Handle>['acquire'] = async (request) => {
      request.signal.throwIfAborted()
      if (isClosed) throw new DatabaseClosedError('handles')
      const client = new Kind(connections, request)
      return { client, end: (ending) => client.revoke(ending) }
    }
    const close = async (): Promise<void> => {
      isClosed = true
      await connections.close()
    }
    return {
      name: 'handles',
      pool: connections.pool,
      acquire,
      describe: (options) => connections.describe(options),
      close,
    }
  },
  use: (handle) => handle.query(),
  shared: false,
  borrow: (handle, work) => handle.transact(work),
  giveBack: (handle) => handle.end(),
})

describe('the contract of adapters whose clients take connections themselves', () => {
  for (const { name, run } of adapterContract(handles())) test(name, run)

  class Tireless extends Handle {
    override revoke(): undefined {}
  }

  const faults: [fault: string, rule: string, Kind: typeof Handle][] = [
    [
      'shares one connection',
      'two requests two connections',
      class extends Handle {
        override transact<R>(work: (connection: number) => Promise<R>): Promise<R> {
          return work(0)
        }
      },
    ],
    [
      'connects for each query',
      'that has come back',
      class extends Handle {
        override transact<R>(work: (connection: number) => Promise<R>): Promise<R> {
          return work(++made)
        }
      },
    ],
    ['works on after its end', 'whose request has ended', Tireless],
    ['works on after it was given back', 'tells a request', Tireless],
    [
      'waits however its request ends',
      'when its signal aborts',
      class extends Handle {
        constructor(connections: MemoryAdapter<Client>, request: LeaseRequest) {
          super(connections, { ...request, signal: new AbortController().signal })
        }
      },
    ],
    [
      'waits for as long as it takes',
      'at its deadline',
      class extends Handle {
        constructor(connections: MemoryAdapter<Client>, request: LeaseRequest) {
          super(connections, { ...request, deadline: Number.POSITIVE_INFINITY })
        }
      },
    ],
    [
      'keeps a connection for later',
      'before the request ends',
      class extends Handle {
        #kept: Promise<Lease<Client>> | undefined
        override async transact<R>(work: (connection: number) => Promise<R>): Promise<R> {
          this.#kept ??= this.connections.acquire(this.request)
          return work(await (await this.#kept).client.query())
        }
      },
    ],
    [
      'begins what has waited when its request ended',
      'still waits for a connection',
      class extends Handle {
        override refuseIfEndedMeanwhile(): void {}
      },
    ],
    [
      'is given back without telling its request',
      'tells a request',
      class extends Handle {
        override async end(): Promise<void> {
          this.revoke(undefined)
        }
      },
    ],
    [
      'ends the pool when it is given back again',
      'a method of its own gives it back',
      class extends Handle {
        #isGivenBack = false
        override async end(): Promise<void> {
          if (this.#isGivenBack) await this.connections.close()
          this.#isGivenBack = true
          await super.end()
        }
      },
    ],
  ]

  test.each(faults)('are noticed to be broken by one that %s', async (_fault, part, Kind) => {
    const rule = adapterContract(handles(Kind)).find(({ name }) => name.includes(part))
    await expect(rule?.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' })
  })
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
