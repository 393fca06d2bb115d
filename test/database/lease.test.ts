import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { currentScope } from 'middy-managed-instances'
import { type Db, database } from 'middy-managed-instances/database'
import { barrier, createContext, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { failureOf, handlerOf, testServer, untilIdle } from './support/server.ts'

const server = testServer()

describe('a request', () => {
  test('that asks for no client opens no connection', async () => {
    const db = server.pool()
    await expect(
      invoke(
        handlerOf(db, () => 'done'),
        undefined,
      ),
    ).resolves.toBe('done')
    expect(await server.sessions()).toEqual([])
  })

  test('has one client, the same at every call', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => {
      const [first, second] = await Promise.all([db.client(), db.client()])
      return [first === second, first === (await db.client()), (await first.query('SELECT 1 AS one')).rows]
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([true, true, [{ one: 1 }]])
    expect(await server.sessions()).toHaveLength(1)
  })

  test('has other clients beside it by acquire()', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => {
      const clients = await Promise.all([db.client(), db.acquire(), db.acquire()])
      return Promise.all(
        clients.map(async (client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
      )
    })
    expect(new Set(await invoke(handler, undefined)).size).toBe(3)
    await expectNoLeaks()
    await untilIdle(db, 3)
  })

  test('has the whole of the pool for what needs no client of its own', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => (await (await db.pool).query('SELECT 2 AS two')).rows)
    await expect(invoke(handler, undefined)).resolves.toEqual([{ two: 2 }])
  })

  test('gives its clients back whichever way it ends', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db, kind: string) => {
      await (await db.client()).query('SELECT 1')
      if (kind === 'throws') throw new RangeError(kind)
      return kind
    })
    for (const kind of ['returns', 'throws', 'returns', 'throws', 'returns'])
      await invoke(handler, kind).catch((error) => expect(error).toBeInstanceOf(RangeError))
    await untilIdle(db, 1)
  })

  test('shares no client with a request that overlaps with it', async () => {
    const db = server.pool({ connections: 8 })
    const meet = barrier(8)
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      await client.query('BEGIN')
      await client.query(`SET LOCAL application_name = 'pool-under-test-${event}'`)
      await meet()
      const { rows } = await client.query('SHOW application_name')
      await client.query('COMMIT')
      return rows[0].application_name
    })
    const events = Array.from({ length: 64 }, (_, event) => event)
    const results = await invokeConcurrently(handler, events, { concurrency: 8 })
    expect(results).toEqual(events.map((event) => ({ status: 'fulfilled', value: `pool-under-test-${event}` })))
  })
})

describe('64 requests at once', () => {
  test('are all answered through two connections', async () => {
    const db = server.pool({ connections: 2 })
    const handler = handlerOf(
      db,
      async (db, event: number) => (await (await db.client()).query('SELECT $1::int AS event', [event])).rows[0].event,
    )
    const events = Array.from({ length: 64 }, (_, event) => event)
    const results = await invokeConcurrently(handler, events)
    expect(results).toEqual(events.map((value) => ({ status: 'fulfilled', value })))
    expect(await server.sessions()).toHaveLength(2)
  })
})

describe('a client that is given back early', () => {
  const giveBack: [string, (db: Db<PoolClient>, client: PoolClient) => unknown][] = [
    ['by its release()', (_db, client) => client.release()],
    ['by db.release()', (db, client) => db.release(client)],
  ]

  test.each(giveBack)('%s goes to whoever waits', async (_name, release) => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const first = await db.client()
      const waiting = db.acquire()
      await release(db, first)
      const second = await waiting
      expect((await second.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await release(db, second)
      return (await (await db.client()).query('SELECT 2 AS two')).rows
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ two: 2 }])
  })

  test.each(giveBack)('%s is refused another time, and every use of it', async (_name, release) => {
    const db = server.pool({ connections: 1 })
    const errors = await invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        await release(db, client)
        const other = await db.acquire()
        const failures = [
          await failureOf(() => client.query('SELECT 1')),
          await failureOf(() => client.escapeLiteral('a')),
          await failureOf(() => release(db, client)),
          await new Promise((resolve) => client.query('SELECT 1', resolve)),
        ]
        await other.query('SELECT 1')
        return failures
      }),
      undefined,
    )
    for (const error of errors) expect(error).toMatchObject({ code: 'LEASE_RELEASED', data: { database: 'pgPool()' } })
    expect((errors[0] as Error).message).toContain('db.client() or db.acquire()')
  })

  test('with an error is not used again', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
      client.release(new Error('broken'))
      return [rows[0].pid, (await (await db.client()).query('SELECT pg_backend_pid() AS pid')).rows[0].pid]
    })
    const [before, after] = await invoke(handler, undefined)
    expect(after).not.toBe(before)
  })
})

describe('a client', () => {
  test('takes queries in every form node-postgres has', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const callback = (
        query: (done: (error: Error, result: { rows: unknown[] }) => void) => void,
      ): Promise<unknown[]> =>
        new Promise((resolve, reject) => query((error, result) => (error ? reject(error) : resolve(result.rows))))
      return [
        (await client.query('SELECT 1 AS a')).rows,
        (await client.query('SELECT $1::int AS a', [2])).rows,
        (await client.query({ text: 'SELECT $1::int AS a', values: [3] })).rows,
        (await client.query({ text: 'SELECT $1::int AS a', name: 'named', values: [4] })).rows,
        (await client.query({ text: 'SELECT $1::int AS a', name: 'named', values: [5] })).rows,
        (await client.query({ text: 'SELECT 6 AS a', rowMode: 'array' })).rows,
        await callback((done) => client.query('SELECT 7 AS a', done)),
        await callback((done) => client.query('SELECT $1::int AS a', [8], done)),
      ]
    })
    const expected = [1, 2, 3, 4, 5, [6], 7, 8].map((a) => [Array.isArray(a) ? a : { a }])
    await expect(invoke(handler, undefined)).resolves.toEqual(expected)
  })

  test('hears what its own session is told, and no later one', async () => {
    const db = server.pool({ connections: 1 })
    const heard: unknown[] = []
    const listening = handlerOf(db, async (db) => {
      const client = await db.client()
      client.on('notification', ({ channel, payload }) => heard.push([channel, payload]))
      await client.query('LISTEN news')
      await client.query("NOTIFY news, 'first'")
      await client.query('SELECT 1')
    })
    const talking = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query("NOTIFY news, 'second'")
      await client.query('SELECT 1')
    })
    await invoke(listening, undefined)
    await invoke(talking, undefined)
    expect(heard).toEqual([['news', 'first']])
  })

  test('has the properties and methods of a pool client, and does not lead to the connection', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
      expect((client as unknown as { processID: number }).processID).toBe(rows[0].pid)
      expect([client.escapeLiteral("a'b"), client.escapeIdentifier('a"b')]).toEqual(["'a''b'", '"a""b"'])
      expect([client.user, client.database, client.host, client.port]).toEqual([
        server.config.user,
        server.config.database,
        server.config.host,
        server.config.port,
      ])
      expect(client.connection).toBeUndefined()
      expect(await failureOf(() => client.connect())).toMatchObject({
        message: expect.stringContaining('connected already'),
      })
    })
    await invoke(handler, undefined)
  })
})

test('callbacks and later requests run in the async context of their own request', async () => {
  const db = server.pool({ connections: 1 })
  const handler = handlerOf(db, async (db) => {
    const client = await db.client()
    const own = currentScope()
    const inCallback = new Promise((resolve) => client.query('SELECT 1', () => resolve(currentScope())))
    await client.query('SELECT 1')
    expect(currentScope()).toBe(own)
    return (await inCallback) === own && own !== undefined
  })
  for (let request = 0; request < 3; request++) await expect(invoke(handler, undefined)).resolves.toBe(true)
})

test('a connection belongs to no request, also not to the one that opened it', async () => {
  const db = server.pool({ connections: 1 })
  await invoke(
    handlerOf(db, (db) => db.client()),
    undefined,
  )
  const handler = handlerOf(db, async (db) => {
    const client = await db.client()
    const heard = new Promise((resolve) => client.once('notification', () => resolve(currentScope())))
    await client.query('LISTEN news')
    await client.query('NOTIFY news')
    return heard
  })
  await expect(invoke(handler, undefined)).resolves.toBeUndefined()
})

describe('after the request', () => {
  test('neither the database nor a client can be used, and no later request notices', async () => {
    const db = server.pool({ connections: 1 })
    const kept: { db?: Db<PoolClient>; client?: PoolClient } = {}
    await invoke(
      handlerOf(db, async (db) => {
        kept.db = db
        kept.client = await db.client()
        await kept.client.query('SELECT 1')
      }),
      undefined,
    )
    const during = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query('BEGIN')
      const failures = [
        await failureOf(() => kept.db?.client()),
        await failureOf(() => kept.db?.acquire()),
        await failureOf(() => kept.client?.query('ROLLBACK')),
        await failureOf(() => kept.client?.release()),
        await new Promise((resolve) => kept.client?.query('ROLLBACK', resolve)),
      ]
      const { rows } = await client.query(
        'SELECT now() = statement_timestamp() AS first, txid_current_if_assigned() AS id',
      )
      await client.query('ROLLBACK')
      return { failures, rows }
    })
    const { failures, rows } = await invoke(during, undefined)
    for (const error of failures) expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'returned' } })
    expect(rows).toEqual([{ first: false, id: null }])
  })

  test('a client that nobody waited for goes back by itself', async () => {
    const db = server.pool({ connections: 1 })
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      await invoke(
        handlerOf(db, (db) => {
          void db.client()
          void db.acquire()
        }),
        undefined,
      )
      await expect(
        invoke(
          handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows),
          undefined,
        ),
      ).resolves.toEqual([{ one: 1 }])
      await untilIdle(db, 1)
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})

test('two databases on one handler are two pools under two keys', async () => {
  const [orders, users] = [server.pool(), server.pool()]
  const handler = middy()
    .use(database({ db: orders }))
    .use(database({ db: users, contextKey: 'users' }))
    .handler(async (_event, { db, users }) => {
      const clients = await Promise.all([db.client(), users.client()])
      return Promise.all(clients.map(async (client) => (await client.query('SELECT 1 AS one')).rows[0]))
    })
  await expect(invoke(handler, {})).resolves.toEqual([{ one: 1 }, { one: 1 }])
  await expectNoLeaks()
  for (const db of [orders, users]) await untilIdle(db, 1)
})

test('on a plain middy() clients go back at its end too', async () => {
  const db = server.pool({ connections: 1 })
  const handler = middy<string>()
    .use(database({ db }))
    .handler(async (event, { db }) => {
      await (await db.client()).query('SELECT 1')
      if (event === 'throws') throw new RangeError(event)
      return event
    })
  for (const event of ['returns', 'throws', 'returns'])
    await invoke(handler, event, { context: createContext() }).catch((error) =>
      expect(error).toBeInstanceOf(RangeError),
    )
  await untilIdle(db, 1)
})
