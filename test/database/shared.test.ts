import { connect, createServer, Server } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { currentScope, managed } from 'middy-managed-instances'
import { type Database, database } from 'middy-managed-instances/database'
import { type SharedClientOptions, sharedClient } from 'middy-managed-instances/database/shared'
import { createContext, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { failureOf } from './support/server.ts'

const databases: Database<Server>[] = []

afterEach(async () => {
  await expectNoLeaks()
  await Promise.all(databases.splice(0).map((db) => db.close()))
})

const listen = (): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, () => resolve(server))
  })

const close = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve))

/** A client of Node's own that is opened and closed: what it answers is whether it is open. */
const own = (options: Partial<SharedClientOptions<Server>> = {}): Database<Server, Server> => {
  const db = sharedClient<Server>({ open: listen, close, ...options })
  databases.push(db)
  return db
}

const handlerOf = <R>(db: Database<Server>, work: (server: Server) => R) =>
  middy<undefined, R>(managed())
    .use(database({ db }))
    .handler(async (_event, { db }) => work(await db.client()))

describe('sharedClient()', () => {
  test('opens one client for all requests, when the first of them asks', async () => {
    let opened = 0
    const db = own({
      open: () => {
        opened += 1
        return listen()
      },
    })
    expect(opened).toBe(0)
    const results = await invokeConcurrently(
      handlerOf(db, (server) => server),
      Array(64).fill(undefined),
    )
    expect(results.map(({ status }) => status)).toEqual(Array(64).fill('fulfilled'))
    expect(opened).toBe(1)
  })

  test('opens anew after it failed', async () => {
    const causes = [new Error('refused')]
    const db = own({
      open: async () => {
        const cause = causes.pop()
        if (cause !== undefined) throw cause
        return listen()
      },
    })
    const handler = handlerOf(db, (server) => server.listening)
    expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({
      code: 'DATABASE_CONNECT',
      retryable: false,
      message: expect.stringMatching(
        /^sharedClient\(\): can't connect \(refused, 1 attempt\).*correct what they are given/,
      ),
      cause: { message: 'refused' },
    })
    await expect(invoke(handler, undefined)).resolves.toBe(true)
  })

  test('tells of a server that is not there as of something that may pass', async () => {
    const open = (): Promise<Server> => new Promise((_, reject) => connect(1, '127.0.0.1').once('error', reject))
    const handler = handlerOf(own({ open }), (server) => server.listening)
    expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test.each([
    ['closes', close],
    [
      'throws on closing',
      () => {
        throw new Error('of close')
      },
    ],
    ['rejects on closing', () => Promise.reject(new Error('of close'))],
    ['never closes', () => new Promise(() => {})],
  ])('closes a client that does not connect, which %s, and fails with the reason', async (_name, end) => {
    const opened: Server[] = []
    const closed: Server[] = []
    const db = own({
      open: async () => {
        const server = await listen()
        opened.push(server)
        return server
      },
      connect: async () => Promise.reject(new Error('refused')),
      close: (server) => {
        closed.push(server)
        return end(server)
      },
    })
    const handler = handlerOf(db, (server) => server)
    for (let request = 0; request < 3; request++)
      expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({ cause: { message: 'refused' } })
    expect(opened).toHaveLength(3)
    expect(closed).toEqual(opened)
    await Promise.all(opened.filter(({ listening }) => listening).map(close))
  })

  test('opens anew when the client is of no more use', async () => {
    const db = own({ isUsable: (server) => server.listening })
    const handler = handlerOf(db, (server) => (server.address() as { port: number }).port)
    const first = await invoke(handler, undefined)
    expect(await invoke(handler, undefined)).toBe(first)
    await close(await db.pool)
    expect(await invoke(handler, undefined)).not.toBe(first)
  })

  test('opens outside of the request that asks first, whose end ends only its own wait', async () => {
    const opening = Promise.withResolvers<void>()
    let within: unknown = 'not asked'
    const db = own({
      open: async () => {
        within = currentScope()
        await opening.promise
        return listen()
      },
    })
    const handler = handlerOf(db, (server) => server.listening)
    const context = createContext({ getRemainingTimeInMillis: () => 100 })
    const brief = invoke(handler, undefined, { context })
    const patient = invoke(handler, undefined)
    expect(await failureOf(() => brief)).toMatchObject({ code: 'DATABASE_CONNECT' })
    expect(within).toBeUndefined()
    opening.resolve()
    await expect(patient).resolves.toBe(true)
  })

  test('gives a client up that does not connect in time, and opens another', async () => {
    const connecting = [new Promise<void>(() => {}), undefined]
    const closed: Server[] = []
    const db = own({
      connectTimeout: 20,
      connect: () => connecting.shift(),
      close: (server) => {
        closed.push(server)
        return close(server)
      },
    })
    const handler = handlerOf(db, (server) => server.listening)
    expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({
      code: 'DATABASE_CONNECT',
      message: expect.stringMatching(/no answer within 20 ms.*raise connectTimeout/),
      retryable: true,
    })
    expect(closed).toHaveLength(1)
    await expect(invoke(handler, undefined)).resolves.toBe(true)
  })

  test('closes a client that comes too late, and does not connect it', async () => {
    const opening = Promise.withResolvers<void>()
    const told = Promise.withResolvers<Server>()
    const openings = [opening.promise]
    let connected = 0
    const db = own({
      connectTimeout: 20,
      open: async () => {
        await openings.shift()
        return listen()
      },
      connect: () => {
        connected += 1
      },
      close: (server) => {
        told.resolve(server)
        return close(server)
      },
    })
    const handler = handlerOf(db, (server) => server)
    expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({ code: 'DATABASE_CONNECT' })
    const server = await db.pool
    opening.resolve()
    const late = await told.promise
    expect(late).not.toBe(server)
    expect(connected).toBe(1)
  })

  test('is closed also while it opens in vain', async () => {
    const opening = Promise.withResolvers<Server>()
    const db = own({ open: () => opening.promise })
    const failed = db.pool.catch((error) => error)
    const closed = db.close()
    opening.reject(new Error('refused'))
    await expect(closed).resolves.toBeUndefined()
    await expect(failed).resolves.toMatchObject({ cause: { message: 'refused' } })
  })

  test('closes its client once, and opens no other', async () => {
    let closed = 0
    const db = own({
      close: (server) => {
        closed += 1
        return close(server)
      },
    })
    await invoke(
      handlerOf(db, (server) => server.listening),
      undefined,
    )
    await Promise.all([db.close(), db.close()])
    await db.close()
    expect(closed).toBe(1)
    expect(
      await failureOf(() =>
        invoke(
          handlerOf(db, (server) => server),
          undefined,
        ),
      ),
    ).toMatchObject({ code: 'DATABASE_CLOSED' })
  })

  test('is closed within the deadline also by a close that hangs', async () => {
    const db = own({ close: () => new Promise(() => {}) })
    const server = await db.pool
    const started = performance.now()
    await db.close({ deadline: Date.now() + 50 })
    expect(performance.now() - started).toBeLessThan(500)
    await close(server)
  })

  test('describes one connection for each worker', async () => {
    await expect(own({ name: 'redis' }).describe({ environments: 2 })).resolves.toBe(
      'redis: 1 worker x 1 connection x 2 environments = 2 connections',
    )
  })

  test('fails every use by a request that has ended, and none by another', async () => {
    const db = own()
    let kept: Server | undefined
    const chains = await invoke(
      handlerOf(db, (server) => {
        kept = server
        return server instanceof Server && server.on('close', () => {}) === server
      }),
      undefined,
    )
    expect(chains).toBe(true)
    const error = await failureOf(() => kept?.address())
    expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'returned' } })
    await expect(
      invoke(
        handlerOf(db, (server) => server.listening),
        undefined,
      ),
    ).resolves.toBe(true)
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('of the listener')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('of the listener'))],
  ])('listens to errors from before the client connects, even if onError %s', async (_name, fail) => {
    const errors: unknown[] = []
    const db = own({
      open: () => createServer(),
      connect: (server) => {
        server.emit('error', new Error('while connecting'))
        return new Promise<void>((resolve) => server.listen(0, resolve))
      },
      onError: (error) => {
        errors.push(error)
        return fail()
      },
    })
    const server = await db.pool
    server.emit('error', new Error('later'))
    expect(errors).toMatchObject([{ message: 'while connecting' }, { message: 'later' }])
  })
})
