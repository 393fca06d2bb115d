import { expect, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { barrier, createContext, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { Connection } from 'mysql2'
import type { RowDataPacket } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'
import { relayTo, serveTcp } from '../support/tcp.ts'

/** A context whose time is up so many milliseconds after Middy has asked. */
const briefly = (milliseconds: number) => createContext({ getRemainingTimeInMillis: () => milliseconds })

const one = [{ one: 1 }]

onMariaDb('what runs past its request', () => {
  const server = mysqlServer()
  const running = async (): Promise<unknown[]> =>
    (await server.sessions()).filter(({ command, info }) => command === 'Query' && info?.includes('SLEEP'))
  const ask = (db: ReturnType<typeof server.pool>): Promise<unknown> =>
    invoke(
      handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one'))[0]),
      undefined,
    )

  test('is cancelled on the server within 100 ms, and the connection serves on', async () => {
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const id = (): Promise<number> =>
      invoke(
        handlerOf(db, async (db) => (await db.client()).threadId),
        undefined,
      )
    const before = await id()
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
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
    expect(await id()).toBe(before)
    expect(leaks).toEqual([])
    // What the query was ended by is gone as well.
    await until(async () => (await server.sessions()).length === 1, 1_000)
  })

  test('in a transaction leaves nothing of it, nor do the queries queued behind', async () => {
    await server.ask('CREATE TABLE late (id int)')
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.beginTransaction()
      await client.query('INSERT INTO late VALUES (1)')
      await Promise.all([client.query('SELECT SLEEP(60)'), client.execute('SELECT SLEEP(60)'), client.commit()])
    })
    await expect(invoke(handler, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    await until(async () => (await running()).length === 0, 1_000)
    expect(await server.ask('SELECT COUNT(*) AS count FROM late')).toEqual([{ count: 0 }])
    await expect(ask(db)).resolves.toEqual(one)
  })

  test('and that the handler has forgotten of ends no worker', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      const handler = handlerOf(server.pool({ connections: 1 }), async (db, _event, { signal }) => {
        const client = await db.client()
        void client.query('SELECT SLEEP(60)')
        void client.execute('SELECT SLEEP(60)')
        void client.commit()
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

  test('fails however many queries are queued behind it, and has a connection for the next', async () => {
    const db = server.pool({ connections: 1 })
    const failures: unknown[] = []
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const note = (error: unknown) => failures.push(error)
      const queries = Array.from({ length: 5_000 }, () => client.execute('SELECT 1').catch(note))
      await Promise.all([client.query('SELECT SLEEP(60)').catch(note), ...queries])
    })
    await expect(invoke(handler, undefined, { context: briefly(300) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    expect(failures.filter((error) => (error as { code?: string }).code !== 'ER_QUERY_INTERRUPTED')).toEqual([])
    await expect(ask(db)).resolves.toEqual(one)
  })

  test('tells each callback once, also of a statement that is being prepared', async () => {
    await server.ask('CREATE TABLE locked (id int)')
    const db = server.pool({ connections: 1 })
    const told: string[] = []
    // Who wants to drop the table waits for who reads it, and all others for both.
    const [reader, dropper] = [await server.connect(), await server.connect()]
    await reader.query('START TRANSACTION; SELECT * FROM locked')
    const dropped = dropper.query('DROP TABLE locked')
    await until(async () => {
      const [waiting] = await server.ask(
        "SELECT id FROM information_schema.processlist WHERE state LIKE '%metadata lock%'",
      )
      return waiting !== undefined
    })
    const waiting = handlerOf(db, async (db, _event, { signal }) => {
      const connection = (await db.client()).connection as unknown as Connection
      const tell = (name: string) => (error: { code?: string } | null) => void told.push(`${name}: ${error?.code}`)
      connection.execute('SELECT * FROM locked', tell('first'))
      connection.execute('SELECT id FROM locked', tell('second'))
      connection.query('SELECT 1', tell('third'))
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await expect(invoke(waiting, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    await reader.end()
    await dropped
    await dropper.end()
    expect(told.toSorted()).toEqual(['first', 'second', 'third'].map((name) => `${name}: ER_QUERY_INTERRUPTED`))
    await expect(ask(db)).resolves.toEqual(one)
  })

  test('as a handler is refused its client, and reaches nobody else by it', async () => {
    const db = server.pool({ connections: 1 })
    const released = Promise.withResolvers<void>()
    const late = Promise.withResolvers<unknown[]>()
    const zombie = handlerOf(db, async (db) => {
      const client = await db.client()
      const statement = await client.prepare('ROLLBACK')
      await client.beginTransaction()
      await released.promise
      late.resolve([
        await failureOf(() => client.rollback()),
        await failureOf(() => statement.execute([])),
        await failureOf(() => client.release()),
        await failureOf(() => db.client()),
      ])
    })
    await expect(invoke(zombie, undefined, { context: briefly(100) })).rejects.toThrow('aborted')
    const other = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.beginTransaction()
      released.resolve()
      const failures = await late.promise
      const [rows] = await client.query<RowDataPacket[]>('SELECT @@in_transaction AS open')
      await client.rollback()
      expect(rows).toEqual([{ open: 1 }])
      return failures
    })
    const failures = await invoke(other, undefined)
    for (const error of failures) expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
  })

  test('64 times while they wait or query leaves the pool whole', async () => {
    const db = server.pool({ connections: 4 })
    const handler = handlerOf(db, async (db, event: number) =>
      (await db.client()).query(event % 2 ? 'SELECT SLEEP(5)' : 'SELECT 1'),
    )
    const events = Array.from({ length: 64 }, (_, event) => event)
    expect(await invokeConcurrently(handler, events, { timeout: 250 })).toHaveLength(64)
    await expectNoLeaks(3_000)
    await until(async () => {
      const { total, idle } = await countsOf(db)
      return total === idle && total <= 4
    })
    const after = await invokeConcurrently(
      handlerOf(db, async (db) => (await db.client()).query('SELECT 1')),
      Array(64).fill(undefined),
    )
    expect(after.filter(({ status }) => status === 'fulfilled')).toHaveLength(64)
    expect(await running()).toEqual([])
  })

  test('as a wait for a client ends after acquireTimeout, or when its request is aborted', async () => {
    const db = server.pool({ connections: 1, acquireTimeout: 100 })
    const meet = barrier(2)
    const holder = invoke(
      handlerOf(db, async (db) => {
        await db.client()
        await meet()
        await meet()
      }),
      undefined,
    )
    await meet()
    const busy = await invoke(
      handlerOf(db, (db) => failureOf(() => db.client())),
      undefined,
    )
    expect(busy).toMatchObject({ code: 'DATABASE_BUSY', data: { database: 'mysqlPool()', lent: 1, connections: 1 } })
    const ended = Promise.withResolvers<unknown>()
    const handler = handlerOf(db, async (db) => {
      ended.resolve(await failureOf(() => db.client()))
    })
    await invoke(handler, undefined, { context: briefly(40) }).catch(() => {})
    await ended.promise
    await meet()
    await holder
    await until(async () => (await countsOf(db)).idle === 1)
    await expect(ask(db)).resolves.toEqual(one)
  })

  test('where the server sees it come from another place, as behind NAT, is cancelled all the same', async () => {
    const port = await serveTcp((socket) => relayTo(socket, server.mariadb))
    const db = server.pool({ connections: 1, config: { port } })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await until(async () => (await running()).length === 0, 1_000)
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('is cancelled though the connection is lost that is to cancel it', async () => {
    let opened = 0
    let lost = 0
    const port = await serveTcp((socket) => {
      opened += 1
      relayTo(socket, server.mariadb)
      if (opened !== 2) return
      socket.on('data', (data) => {
        if (!String(data).includes('processlist')) return
        lost += 1
        socket.destroy()
      })
    })
    const db = server.pool({ connections: 1, config: { port } })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await until(async () => (await running()).length === 0, 1_000)
    await expectNoLeaks()
    expect({ opened, lost, ...(await countsOf(db)) }).toEqual({ opened: 3, lost: 1, total: 1, idle: 1 })
  })

  test('is cancelled though the connection that cancelled another one hung', async () => {
    let isHanging = false
    let hanging = 0
    const port = await serveTcp((socket) => {
      if (!isHanging) return relayTo(socket, server.mariadb)
      hanging += 1
      return socket.once('close', () => {
        hanging -= 1
      })
    })
    const db = server.pool({ connections: 1, config: { port } })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await ask(db)
    isHanging = true
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await until(async () => hanging === 1)
    isHanging = false
    await until(async () => hanging === 0, 5_000)
    await expectNoLeaks()
    await server.killAll()
    // MariaDB takes up to two seconds to end several SLEEP() at once.
    await until(async () => (await running()).length === 0)
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await until(async () => (await running()).length === 0, 1_000)
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('costs its connection where the server has no place for one to cancel it', async () => {
    await server.ask("CREATE USER single IDENTIFIED BY 's' WITH MAX_USER_CONNECTIONS 1; GRANT ALL ON tests.* TO single")
    const db = server.pool({ connections: 1, credentials: { username: 'single', password: 's' } })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 0, idle: 0 })
    await server.killAll()
    await expect(ask(db)).resolves.toEqual(one)
  })

  test('is cancelled whatever form rows have been given in its configuration', async () => {
    const forms = { rowsAsArray: true, typeCast: () => 'x', nestTables: '_' }
    const db = server.pool({ connections: 1, config: forms as object })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await expect(invoke(handler, undefined, { context: briefly(200) })).rejects.toThrow('aborted')
    await until(async () => (await running()).length === 0, 1_000)
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('where the credentials have been changed is cancelled all the same', async () => {
    await server.ask("CREATE USER changing IDENTIFIED BY 'first'")
    let password = 'first'
    const db = server.pool({
      connections: 1,
      credentials: () => ({ username: 'changing', password }),
      config: { database: undefined as never },
    })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await invoke(
      handlerOf(db, (db) => db.client()),
      undefined,
    )
    password = 'second'
    await server.ask("SET PASSWORD FOR changing = PASSWORD('second')")
    await expect(invoke(handler, undefined, { context: briefly(150) })).rejects.toThrow('aborted')
    await until(async () => (await running()).length === 0, 1_000)
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })
})

onMariaDb('when a request is told to stop but goes on', () => {
  const server = mysqlServer()
  const requestOf = (signal: AbortSignal) => ({ signal, deadline: Date.now() + 10_000, giveBack: async () => {} })

  test.each([
    ['at once', 0],
    ['later', 60],
  ])('%s, its query is cancelled, and the client is still its own', async (_name, milliseconds) => {
    const db = server.pool({ connections: 1 })
    const controller = new AbortController()
    const lease = await db.acquire(requestOf(controller.signal))
    const query = failureOf(() => lease.client.query('SELECT SLEEP(60)'))
    const started = performance.now()
    await until(
      async () =>
        (await server.sessions()).some(({ info }) => info?.includes('SLEEP')) &&
        performance.now() - started >= milliseconds,
    )
    controller.abort(new Error('the client has left'))
    expect(await query).toMatchObject({ code: 'ER_QUERY_INTERRUPTED' })
    expect((await lease.client.query('SELECT 1 AS one'))[0]).toEqual(one)
    await lease.end({ outcome: 'disconnected', handlerSettled: true })
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('a cancellation never reaches the query of a later request, in 150 tries', async () => {
    const db = server.pool({ connections: 1 })
    for (let attempt = 0; attempt < 150; attempt++) {
      const controller = new AbortController()
      const lease = await db.acquire(requestOf(controller.signal))
      const query = lease.client.query('SELECT SLEEP(0.012)').catch(() => {})
      await until(async () => performance.now() % 7 < 0.2)
      if (attempt % 3 > 0) controller.abort()
      if (attempt % 3 === 1) await query
      const handlerSettled = attempt % 2 === 0
      void lease.end({ outcome: 'timedOut', handlerSettled })
      const next = await db.acquire(requestOf(new AbortController().signal))
      expect((await next.client.query('SELECT 1 AS one FROM (SELECT SLEEP(0.002)) AS slept'))[0]).toEqual(one)
      await next.end({ outcome: 'returned', handlerSettled: true })
    }
  })

  test('a number that is another connection on the server is not ended', async () => {
    const db = server.pool({ connections: 1, onLeak: () => {} })
    const other = server.pool({ connections: 1, onError: () => {} })
    const slow = await other.acquire(requestOf(new AbortController().signal))
    const lease = await db.acquire(requestOf(new AbortController().signal))
    const query = failureOf(() => lease.client.query('SELECT SLEEP(60)'))
    await until(async () => (await server.sessions()).some(({ info }) => info?.includes('SLEEP(60)')))
    const unhurt = slow.client.query('SELECT SLEEP(0.3) AS slept')
    // As behind a balancer, where the number is that of another server.
    Object.assign(await firstOf(db), { threadId: slow.client.threadId })
    await lease.end({ outcome: 'timedOut', handlerSettled: true })
    expect(await query).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' })
    expect((await unhurt)[0]).toEqual([{ slept: 0 }])
    await slow.end({ outcome: 'returned', handlerSettled: true })
    await server.killAll()
  })
})

/** The first connection of a pool, as mysql2 has it. */
const firstOf = async (db: { pool: Promise<{ pool: unknown }> }): Promise<object> =>
  ((await db.pool).pool as { _allConnections: { get(index: number): object } })._allConnections.get(0)
