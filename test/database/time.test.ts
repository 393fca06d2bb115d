import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { database, type Leak } from 'middy-managed-instances/database'
import {
  type Barrier,
  barrier,
  createContext,
  expectNoLeaks,
  invoke,
  invokeConcurrently,
} from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { failureOf, handlerOf, testServer, until, untilIdle } from './support/server.ts'
import { relayTo, serveTcp } from './support/tcp.ts'

const server = testServer()

/** A context whose time is up so many milliseconds after Middy has asked. */
const briefly = (milliseconds: number) => createContext({ getRemainingTimeInMillis: () => milliseconds })

const running = async (): Promise<string[]> =>
  (await server.sessions()).filter(({ state }) => state !== 'idle').map(({ query }) => query)

const twice = (meet: Barrier) => async (): Promise<void> => {
  await meet()
  await meet()
}

describe('a query that runs past its request', () => {
  test('is cancelled on the server within 100 ms, and the connection serves on', async () => {
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const pid = async (): Promise<number> =>
      invoke(
        handlerOf(db, async (db) => (await (await db.client()).query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
        undefined,
      )
    const before = await pid()
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT pg_sleep(60)'))
    // On a busy machine one may be late, but not every one.
    const times: number[] = []
    while (times.length < 3 && !times.some((time) => time < 100)) {
      await expect(invoke(handler, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
      const ended = performance.now()
      await until(async () => (await running()).length === 0)
      times.push(performance.now() - ended)
    }
    expect(Math.min(...times)).toBeLessThan(100)
    await expectNoLeaks()
    expect(await pid()).toBe(before)
    // It had no chance to end in order: that is no leak of the handler's.
    expect(leaks).toEqual([])
  })

  test('in a transaction leaves nothing of it, nor do the queries queued behind', async () => {
    await server.ask('CREATE TABLE late (id int)')
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query('BEGIN')
      await client.query('INSERT INTO late VALUES (1)')
      await Promise.all([
        client.query('SELECT pg_sleep(60)'),
        client.query('SELECT pg_sleep(60)'),
        client.query('COMMIT'),
      ])
    })
    await expect(invoke(handler, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    await until(async () => (await running()).length === 0, 1_000)
    expect(await server.ask('SELECT count(*)::int AS count FROM late')).toEqual([{ count: 0 }])
    await expect(
      invoke(
        handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows),
        undefined,
      ),
    ).resolves.toEqual([{ one: 1 }])
  })

  test('has nothing sent that is queued behind it, within a transaction or not', async () => {
    await server.ask('CREATE TABLE behind (id int)')
    const db = server.pool({ connections: 1 })
    const failures: unknown[] = []
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const note = (error: unknown) => failures.push(error)
      const queries = [
        client.query('SELECT pg_sleep(60)').catch(note),
        client.query('INSERT INTO behind VALUES (1)').catch(note),
        client.query('INSERT INTO behind VALUES ($1)', [2]).catch(note),
        new Promise((resolve) => client.query('INSERT INTO behind VALUES (3)', (error) => resolve(note(error)))),
      ]
      await Promise.all(queries)
    })
    await expect(invoke(handler, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    expect(failures).toMatchObject(Array(4).fill({ code: '57014' }))
    expect(await server.ask('SELECT id FROM behind')).toEqual([])
    expect(await server.sessions()).toMatchObject([{ state: 'idle' }])
  })

  test('and that the handler has forgotten of ends no worker', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      const db = server.pool({ connections: 1 })
      const handler = handlerOf(db, async (db, _event, { signal }) => {
        const client = await db.client()
        void client.query('SELECT pg_sleep(60)')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      })
      await invoke(handler, undefined, { context: briefly(100) }).catch(() => {})
      await expectNoLeaks()
      await until(async () => (await running()).length === 0, 1_000)
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})

test('a handler that goes on after its time is refused its client, and reaches nobody else by it', async () => {
  const db = server.pool({ connections: 1 })
  const released = Promise.withResolvers<void>()
  const late = Promise.withResolvers<unknown[]>()
  const zombie = handlerOf(db, async (db) => {
    const client = await db.client()
    await client.query('BEGIN')
    await released.promise
    late.resolve([
      await failureOf(() => client.query('COMMIT')),
      await failureOf(() => client.release()),
      await failureOf(() => db.client()),
      await new Promise((resolve) => client.query('COMMIT', [], resolve)),
    ])
  })
  await expect(invoke(zombie, undefined, { context: briefly(100) })).rejects.toThrow('aborted')
  const other = handlerOf(db, async (db) => {
    const client = await db.client()
    await client.query('BEGIN')
    const before = await client.query('SELECT pg_current_xact_id()::text AS id')
    released.resolve()
    const failures = await late.promise
    const after = await client.query('SELECT pg_current_xact_id()::text AS id')
    await client.query('ROLLBACK')
    expect(after.rows).toEqual(before.rows)
    return failures
  })
  for (const error of await invoke(other, undefined))
    expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
})

describe('a wait for a client', () => {
  const holding = async (db: { client(): Promise<PoolClient> }, held: () => Promise<void>): Promise<void> => {
    await db.client()
    await held()
  }

  test('ends after acquireTimeout, and says what is held', async () => {
    const db = server.pool({ connections: 1, acquireTimeout: 100 })
    const handler = handlerOf(db, async (db) => {
      await db.client()
      return failureOf(() => db.acquire())
    })
    const error = await invoke(handler, undefined)
    expect(error).toMatchObject({
      code: 'DATABASE_BUSY',
      retryable: true,
      data: { database: 'pgPool()', waited: 100, lent: 1, connections: 1 },
    })
    expect((error as Error).message).toContain("1 of this worker's 1 are lent")
    await untilIdle(db, 1)
  })

  test('says that it waited for others, whatever becomes of the connection that comes too late', async () => {
    let accepted = 0
    const port = await serveTcp((socket) => {
      accepted += 1
      if (accepted === 1) relayTo(socket, server.config)
    })
    const db = server.pool({ connections: 1, acquireTimeout: 300, config: { port } })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      setTimeout(() => client.release(true), 200)
      return failureOf(() => db.acquire())
    })
    const error = await invoke(handler, undefined)
    expect(accepted).toBe(2)
    expect(error).toMatchObject({ code: 'DATABASE_BUSY', data: { lent: 0, connections: 1 } })
    expect((error as Error).message).toContain('the others are being opened or restored')
  })

  test('says that it waited for others, though it could not connect before they could', async () => {
    let isUp = false
    const refused = Promise.withResolvers<void>()
    const port = await serveTcp((socket) => {
      if (isUp) return relayTo(socket, server.config)
      socket.destroy()
      return refused.resolve()
    })
    const db = server.pool({ connections: 1, acquireTimeout: 400, config: { port } })
    const waiting = invoke(
      handlerOf(db, (db) => failureOf(() => db.client())),
      undefined,
    )
    await refused.promise
    isUp = true
    const holder = invoke(
      handlerOf(db, (db) => holding(db, async () => void (await waiting))),
      undefined,
    )
    await expect(waiting).resolves.toMatchObject({ code: 'DATABASE_BUSY', data: { lent: 1, connections: 1 } })
    await holder
  })

  test("ends before its request's time does, with room for an answer", async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const holder = invoke(
      handlerOf(db, (db) => holding(db, twice(meet))),
      undefined,
    )
    await meet()
    const started = performance.now()
    const handler = handlerOf(db, (db) => failureOf(() => db.client()))
    await expect(invoke(handler, undefined, { timeout: 300 })).resolves.toMatchObject({ code: 'DATABASE_BUSY' })
    expect(performance.now() - started).toBeLessThan(295)
    await meet()
    await holder
    expect((await db.pool).waitingCount).toBe(0)
  })

  test('ends when its request is aborted, and a client that comes later goes back', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const holder = invoke(
      handlerOf(db, (db) => holding(db, twice(meet))),
      undefined,
    )
    await meet()
    const ended = Promise.withResolvers<unknown>()
    const handler = handlerOf(db, async (db) => {
      ended.resolve(await failureOf(() => db.client()))
    })
    // Middy gives up before the wait would by itself.
    await invoke(handler, undefined, { context: briefly(60) }).catch(() => {})
    await ended.promise
    await meet()
    await holder
    await expectNoLeaks()
    await untilIdle(db, 1)
  })
})

test('on a plain middy() too, what runs past its request is cancelled and its client refused', async () => {
  const db = server.pool({ connections: 1 })
  const late = Promise.withResolvers<unknown>()
  const handler = middy()
    .use(database({ db }))
    .handler(async (_event, { db }) => {
      const client = await db.client()
      await client.query('SELECT pg_sleep(60)').catch(() => {})
      late.resolve(await failureOf(() => client.query('SELECT 1')))
    })
  await expect(invoke(handler, {}, { timeout: 200 })).rejects.toThrow('aborted')
  expect(await late.promise).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
  await expectNoLeaks()
  await untilIdle(db, 1)
})

test('64 requests that time out while they wait or query leave the pool whole', async () => {
  const db = server.pool({ connections: 4 })
  const handler = handlerOf(db, async (db, event: number) =>
    (await db.client()).query(event % 2 ? 'SELECT pg_sleep(5)' : 'SELECT 1'),
  )
  const events = Array.from({ length: 64 }, (_, event) => event)
  const results = await invokeConcurrently(handler, events, { timeout: 250 })
  expect(results).toHaveLength(64)
  await expectNoLeaks(3_000)
  const pool = await db.pool
  await until(async () => pool.waitingCount === 0 && pool.idleCount === pool.totalCount)
  expect(pool.totalCount).toBeLessThanOrEqual(4)
  const after = await invokeConcurrently(
    handlerOf(db, async (db) => (await db.client()).query('SELECT 1')),
    Array(64).fill(undefined),
  )
  expect(after.filter(({ status }) => status === 'fulfilled')).toHaveLength(64)
  expect(await running()).toEqual([])
})

describe('when a request is told to stop but goes on', () => {
  const requestOf = (signal: AbortSignal) => ({ signal, deadline: Date.now() + 10_000, giveBack: async () => {} })
  const isRunning = async (): Promise<boolean> => (await running()).length === 1

  test.each([
    ['at once', 0],
    ['later', 60],
  ])('%s, its query is cancelled, and the client is still its own', async (_name, milliseconds) => {
    const db = server.pool({ connections: 1 })
    const controller = new AbortController()
    const lease = await db.acquire(requestOf(controller.signal))
    const query = failureOf(() => lease.client.query('SELECT pg_sleep(60)'))
    const started = performance.now()
    await until(async () => (await isRunning()) && performance.now() - started >= milliseconds)
    controller.abort(new Error('the client has left'))
    expect(await query).toMatchObject({ code: '57014' })
    expect((await lease.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await lease.end({ outcome: 'disconnected', handlerSettled: true })
    await expectNoLeaks()
    await untilIdle(db, 1)
  })

  test('a cancellation never reaches the query of a later request, in 150 tries', async () => {
    const db = server.pool({ connections: 1 })
    for (let attempt = 0; attempt < 150; attempt++) {
      const controller = new AbortController()
      const lease = await db.acquire(requestOf(controller.signal))
      const query = lease.client.query('SELECT pg_sleep(0.012)').catch(() => {})
      await until(async () => performance.now() % 7 < 0.2)
      if (attempt % 3 > 0) controller.abort()
      if (attempt % 3 === 1) await query
      const handlerSettled = attempt % 2 === 0
      void lease.end({ outcome: 'timedOut', handlerSettled })
      const next = await db.acquire(requestOf(new AbortController().signal))
      expect((await next.client.query('SELECT 1 AS one FROM pg_sleep(0.002)')).rows).toEqual([{ one: 1 }])
      await next.end({ outcome: 'returned', handlerSettled: true })
    }
  })
})
