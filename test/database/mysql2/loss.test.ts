import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { Connection } from 'mysql2'
import type { RowDataPacket } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'
import { relayTo, serveTcp } from '../support/tcp.ts'

jest.setTimeout(30_000)

const fatal: unknown[] = []
const note = (error: unknown): void => void fatal.push(error)

beforeEach(() => {
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterEach(() => {
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(fatal.splice(0)).toEqual([])
})

const events = Array.from({ length: 64 }, (_, event) => event)

onMariaDb('when connections of mysqlPool() are lost', () => {
  const server = mysqlServer()
  type Pool = ReturnType<typeof server.pool>
  const answering = (db: Pool) =>
    handlerOf(db, async (db, event: number) => {
      const [rows] = await (await db.client()).query<RowDataPacket[]>('SELECT ? AS event', [event])
      return rows[0]?.['event']
    })
  const expectRight = (db: Pool): Promise<void> =>
    expect(invokeConcurrently(answering(db), events)).resolves.toEqual(
      events.map((value) => ({ status: 'fulfilled', value })),
    )

  test('while 64 requests query, all are answered and the next 64 are right', async () => {
    const db = server.pool({ connections: 16, onError: () => {} })
    const slow = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      return event % 2 ? client.query('SELECT SLEEP(0.3)') : client.execute('SELECT SLEEP(?)', [0.3])
    })
    const answers = invokeConcurrently(slow, events)
    await until(
      async () => (await server.sessions()).filter(({ info }) => info?.startsWith('SELECT SLEEP')).length === 16,
    )
    await server.killAll()
    const results = await answers
    expect(results).toHaveLength(64)
    const failed = results.filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.length).toBeLessThanOrEqual(16)
    await expectRight(db)
  })

  test('between two queries of a request, the second fails and no other request notices', async () => {
    const db = server.pool({ connections: 2, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const lost = new Promise((resolve) => client.once('end', () => resolve(undefined)))
      await client.query('SELECT 1')
      await meet()
      await lost
      return failureOf(() => client.query('SELECT 1'))
    })
    const answer = invoke(handler, undefined)
    await meet()
    await server.killAll()
    expect(((await answer) as Error).message).toMatch(/closed state/)
    await expectRight(db)
  })

  test('while they are idle, onError is told and the next requests are right', async () => {
    const errors: Error[] = []
    const db = server.pool({ connections: 4, onError: (error) => errors.push(error) })
    const meet = barrier(4)
    const handler = handlerOf(db, async (db, _event: number) => {
      await db.client()
      await meet()
    })
    await invokeConcurrently(handler, events.slice(0, 4))
    await expectNoLeaks()
    await server.killAll()
    await until(async () => errors.length === 4)
    expect(await countsOf(db)).toEqual({ total: 0, idle: 0 })
    await expectRight(db)
  })

  test('listeners of the request hear of it, and what it reads by events fails', async () => {
    const db = server.pool({ connections: 1, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const heard = new Promise((resolve) => client.once('error', resolve))
      const core = client.connection as unknown as Connection
      const read = failureOf(async () => {
        for await (const _row of core.query('SELECT SLEEP(60)').stream());
      })
      await meet()
      return [((await heard) as Error).message, ((await read) as Error).message]
    })
    const answer = invoke(handler, undefined)
    await until(async () => (await server.sessions()).some(({ info }) => info?.startsWith('SELECT SLEEP')))
    await meet()
    await server.killAll()
    for (const message of await answer) expect(message).toMatch(/lost|killed|closed/i)
  })

  test('a transaction of a request is gone with them, and its COMMIT fails', async () => {
    await server.ask('CREATE TABLE IF NOT EXISTS gone (id int)')
    const db = server.pool({ connections: 1, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.beginTransaction()
      await client.query('INSERT INTO gone VALUES (1)')
      await meet()
      await meet()
      return failureOf(() => client.commit())
    })
    const answer = invoke(handler, undefined)
    await meet()
    await server.killAll()
    await until(async () => (await server.sessions()).length === 0)
    await meet()
    expect(await answer).toBeInstanceOf(Error)
    expect(await server.ask('SELECT * FROM gone')).toEqual([])
  })

  test('by a server that stops under load and starts again, requests wait for it, and it serves within a second', async () => {
    const db = server.pool({ connections: 8, onError: () => {} })
    await expectRight(db)
    await server.mariadb.halt()
    const during = invokeConcurrently(answering(db), events, { timeout: 25_000 })
    await server.mariadb.resume()
    const returned = performance.now()
    expect((await during).filter(({ status }) => status === 'rejected')).toEqual([])
    expect(performance.now() - returned).toBeLessThan(1_000)
    await expectRight(db)
  })

  test('a server that has become read-only keeps its connections no longer than their request', async () => {
    await server.ask(
      "CREATE USER writer IDENTIFIED BY 'w'; GRANT ALL ON tests.* TO writer; CREATE TABLE written (id int)",
    )
    const db = server.pool({ connections: 1, credentials: { username: 'writer', password: 'w' } })
    const write = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query('INSERT INTO written VALUES (1)')
      return client.threadId
    })
    const before = await invoke(write, undefined)
    await server.ask('SET GLOBAL read_only = 1')
    try {
      expect(await failureOf(() => invoke(write, undefined))).toMatchObject({ code: 'ER_OPTION_PREVENTS_STATEMENT' })
    } finally {
      await server.ask('SET GLOBAL read_only = 0')
    }
    expect(await invoke(write, undefined)).not.toBe(before)
  })

  test('a connection that others have met a read-only server with gives its place in the pool to another', async () => {
    await server.ask(
      "CREATE USER guest IDENTIFIED BY 'g'; GRANT ALL ON tests.* TO guest; CREATE TABLE unwritten (id int)",
    )
    const db = server.pool({ connections: 1, credentials: { username: 'guest', password: 'g' } })
    const connection = await (await db.pool).getConnection()
    await server.ask('SET GLOBAL read_only = 1')
    try {
      const error = await failureOf(() => connection.query('INSERT INTO unwritten VALUES (1)'))
      expect(error).toMatchObject({ code: 'ER_OPTION_PREVENTS_STATEMENT' })
    } finally {
      await server.ask('SET GLOBAL read_only = 0')
    }
    // An error hides whether a transaction is open, and what follows it shows.
    await connection.query('ROLLBACK')
    connection.release()
    await expectRight(db)
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('a connection whose state only an answer would tell, and that gives none, is replaced', async () => {
    const sockets: Socket[] = []
    const port = await serveTcp((near) => sockets.push(near, relayTo(near, server.mariadb)))
    const db = server.pool({ connections: 1, connectTimeout: 300, config: { port } })
    await failureOf(async () => (await db.pool).query('SELECT nonsense'))
    for (const socket of sockets) socket.unpipe().pause()
    await expectRight(db)
  })
})
