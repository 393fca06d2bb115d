import { expect, test } from '@jest/globals'
import { currentScope } from 'middy-managed-instances'
import type { Db } from 'middy-managed-instances/database'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { failureOf, handlerOf } from '../support/server.ts'

const rowsOf = async (client: PoolConnection, sql: string): Promise<RowDataPacket[]> =>
  (await client.query<RowDataPacket[]>(sql))[0]

onMariaDb('a client of mysqlPool()', () => {
  const server = mysqlServer()
  const events = Array.from({ length: 64 }, (_, event) => event)

  test('is not connected for a request that asks for none', async () => {
    await invoke(
      handlerOf(server.pool(), () => 'done'),
      undefined,
    )
    expect(await server.sessions()).toEqual([])
  })

  test('is the same at every call, and others are to be had beside it', async () => {
    const db = server.pool()
    const handler = handlerOf(db, async (db) => {
      const [first, second, other] = await Promise.all([db.client(), db.client(), db.acquire()])
      return [first === second, (await rowsOf(first, 'SELECT 1 AS one'))[0]?.['one'], first.threadId !== other.threadId]
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([true, 1, true])
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 2, idle: 2 })
  })

  test('goes back whichever way its request ends', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db, kind: string) => {
      await (await db.client()).query('SELECT 1')
      if (kind === 'throws') throw new RangeError(kind)
      return kind
    })
    for (const kind of ['returns', 'throws', 'returns', 'throws'])
      await invoke(handler, kind).catch((error) => expect(error).toBeInstanceOf(RangeError))
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('is shared with no request that overlaps, and 64 are served by two connections', async () => {
    const meet = barrier(2)
    const handler = handlerOf(server.pool({ connections: 2 }), async (db, event: number) => {
      const client = await db.client()
      await client.query('SET @event = ?', [event])
      await meet()
      return (await rowsOf(client, 'SELECT @event AS event'))[0]?.['event']
    })
    await expect(invokeConcurrently(handler, events)).resolves.toEqual(
      events.map((value) => ({ status: 'fulfilled', value })),
    )
    expect(await server.sessions()).toHaveLength(2)
  })

  test('takes queries in every form mysql2 has', async () => {
    const handler = handlerOf(server.pool(), async (db) => {
      const client = await db.client()
      const core = client.connection as unknown as import('mysql2').Connection
      const callback = (run: (done: (error: unknown, rows: unknown) => void) => void): Promise<unknown> =>
        new Promise((resolve, reject) => run((error, rows) => (error ? reject(error) : resolve(rows))))
      const prepared = await client.prepare('SELECT ? + 0 AS a')
      const fromStatement = (await prepared.execute([8]))[0]
      await prepared.close()
      const again = await client.prepare('SELECT ? + 0 AS a')
      return [
        (await client.query('SELECT 1 AS a'))[0],
        (await client.query('SELECT ? AS a', [2]))[0],
        (await client.query({ sql: 'SELECT ? AS a', values: [3] }))[0],
        (await client.execute('SELECT ? AS a', [4]))[0],
        (await client.execute({ sql: 'SELECT ? AS a', values: [5] }))[0],
        await callback((done) => core.query('SELECT 6 AS a', done)),
        await callback((done) => core.execute('SELECT ? AS a', [7], done)),
        fromStatement,
        (await again.execute([9]))[0],
      ]
    })
    const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((a) => [{ a }])
    await expect(invoke(handler, undefined)).resolves.toEqual(expected)
  })

  test('begins, commits and rolls back by its methods, pings, escapes and formats', async () => {
    await server.ask('CREATE TABLE methods (id int)')
    const handler = handlerOf(server.pool(), async (db) => {
      const client = await db.client()
      await client.beginTransaction()
      await client.query('INSERT INTO methods VALUES (1)')
      await client.commit()
      await client.beginTransaction()
      await client.query('INSERT INTO methods VALUES (2)')
      await client.rollback()
      await client.ping()
      expect([client.escape("a'"), client.escapeId('a`'), client.format('?', [1])]).toEqual(["'a\\''", '`a```', '1'])
      expect(client.threadId).toBe((await rowsOf(client, 'SELECT CONNECTION_ID() AS id'))[0]?.['id'])
      return rowsOf(client, 'SELECT id FROM methods')
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ id: 1 }])
  })

  test('streams rows, and says so when a stream fails', async () => {
    const handler = handlerOf(server.pool({ connections: 1 }), async (db) => {
      const { connection } = await db.client()
      const core = connection as unknown as import('mysql2').Connection
      let rows = 0
      for await (const _row of core.query('SELECT seq FROM seq_1_to_20000').stream()) rows += 1
      const failure = await failureOf(async () => {
        for await (const _row of core.query('SELECT nonsense').stream()) rows += 1
      })
      return [rows, (failure as { code: string }).code]
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([20_000, 'ER_BAD_FIELD_ERROR'])
  })

  test('may not change how its connection is configured', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      expect(() => Object.assign(client.config, { rowsAsArray: true })).toThrow(TypeError)
      return rowsOf(client, 'SELECT 1 AS one')
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
  })

  const giveBack: [string, (db: Db<PoolConnection>, client: PoolConnection) => unknown][] = [
    ['by its release()', (_db, client) => client.release()],
    ['by db.release()', (db, client) => db.release(client)],
    ['by its destroy()', (_db, client) => client.destroy()],
    ['by its end()', (_db, client) => client.end()],
  ]

  test.each(giveBack)(
    'given back early %s goes on to whoever waits, and is refused from then on',
    async (_n, release) => {
      const db = server.pool({ connections: 1 })
      const errors = await invoke(
        handlerOf(db, async (db) => {
          const client = await db.client()
          const statement = await client.prepare('SELECT 1')
          const waiting = db.acquire()
          await release(db, client)
          const other = await waiting
          const core = client.connection as unknown as import('mysql2').Connection
          const failures = [
            await failureOf(() => client.query('SELECT 1')),
            await failureOf(() => client.execute('SELECT 1')),
            await failureOf(() => statement.execute([])),
            await failureOf(() => client.commit()),
            await failureOf(() => client.ping()),
            await failureOf(() => client.escape('a')),
            await failureOf(() => release(db, client)),
            await new Promise((resolve) => core.query('SELECT 1', resolve)),
            await failureOf(async () => {
              for await (const _row of core.query('SELECT 1').stream());
            }),
          ]
          expect(await rowsOf(other, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
          return failures
        }),
        undefined,
      )
      for (const error of errors)
        expect(error).toMatchObject({ code: 'LEASE_RELEASED', data: { database: 'mysqlPool()' } })
    },
  )

  test('whose user was changed has a connection that serves nobody else', async () => {
    await server.ask("CREATE USER other IDENTIFIED BY 'secret'; GRANT ALL ON tests.* TO other")
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db, event: string) => {
      const client = await db.client()
      if (event === 'changes') await client.changeUser({ user: 'other', password: 'secret' })
      return (await rowsOf(client, 'SELECT CURRENT_USER() AS user'))[0]?.['user']
    })
    await expect(invoke(handler, 'changes')).resolves.toBe('other@%')
    await expect(invoke(handler, 'looks')).resolves.toBe('tester@%')
  })

  test('calls back in the async context of its own request', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const core = client.connection as unknown as import('mysql2').Connection
      const own = currentScope()
      const inCallback = new Promise((resolve) => core.query('SELECT 1', () => resolve(currentScope())))
      await client.query('SELECT 1')
      return [currentScope() === own, (await inCallback) === own, own !== undefined]
    })
    for (let request = 0; request < 3; request++)
      await expect(invoke(handler, undefined)).resolves.toEqual([true, true, true])
  })

  test('can not be used after its request, nor reach another one', async () => {
    const db = server.pool({ connections: 1 })
    const kept: { db?: Db<PoolConnection>; client?: PoolConnection } = {}
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
      await client.beginTransaction()
      const failures = [
        await failureOf(() => kept.db?.client()),
        await failureOf(() => kept.client?.query('ROLLBACK')),
        await failureOf(() => kept.client?.rollback()),
        await failureOf(() => kept.client?.release()),
      ]
      const rows = await rowsOf(client, 'SELECT @@in_transaction AS open')
      await client.rollback()
      return { failures, rows }
    })
    const { failures, rows } = await invoke(during, undefined)
    for (const error of failures) expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'returned' } })
    expect(rows).toEqual([{ open: 1 }])
  })
})
