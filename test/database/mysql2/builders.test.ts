import { expect, jest, test } from '@jest/globals'
import { int, mysqlTable, text } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { Kysely, MysqlDialect, sql } from 'kysely'
import { mysqlPool, poolOfOne } from 'middy-managed-instances/database/mysql2'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { createConnection } from 'mysql2'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'

interface Tables {
  readonly people: { readonly id: number; readonly name: string }
}

const table = 'CREATE OR REPLACE TABLE people (id int, name text)'

onMariaDb('a query builder on a lease of mysqlPool()', () => {
  const server = mysqlServer()

  const withKysely = () =>
    server.own(
      mysqlPool({
        connections: 1,
        config: server.config,
        map: (client) => new Kysely<Tables>({ dialect: new MysqlDialect({ pool: poolOfOne(client) }) }),
      }),
    )

  test('like Kysely queries, commits and rolls back', async () => {
    await server.ask(table)
    const db = withKysely()
    const handler = handlerOf(db, async (db) => {
      const kysely = await db.client()
      await kysely.transaction().execute(async (transaction) => {
        await transaction.insertInto('people').values({ id: 1, name: 'Ada' }).execute()
      })
      await failureOf(() =>
        kysely.transaction().execute(async (transaction) => {
          await transaction.insertInto('people').values({ id: 2, name: 'Eve' }).execute()
          throw new RangeError('rolled back')
        }),
      )
      return kysely.selectFrom('people').selectAll().execute()
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ id: 1, name: 'Ada' }])
    await expect(invoke(handler, undefined)).resolves.toHaveLength(2)
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('like Kysely keeps a query that runs beside a transaction out of it', async () => {
    await server.ask(table)
    const handler = handlerOf(withKysely(), async (db) => {
      const kysely = await db.client()
      const inside = kysely.transaction().execute(async (transaction) => {
        await transaction.insertInto('people').values({ id: 1, name: 'Ada' }).execute()
        throw new RangeError('rolled back')
      })
      const beside = kysely.insertInto('people').values({ id: 2, name: 'Eve' }).execute()
      await Promise.allSettled([inside, beside])
      return kysely.selectFrom('people').select('id').execute()
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ id: 2 }])
  })

  test('like Kysely streams, and stops when it is told to', async () => {
    await server.ask(`${table}; INSERT INTO people SELECT seq, 'Ada' FROM seq_1_to_5000`)
    const db = withKysely()
    const handler = handlerOf(db, async (db) => {
      const kysely = await db.client()
      let rows = 0
      for await (const _row of kysely.selectFrom('people').selectAll().stream()) rows += 1
      for await (const { id } of kysely.selectFrom('people').selectAll().stream()) if (id === 3) break
      return rows
    })
    await expect(invoke(handler, undefined)).resolves.toBe(5_000)
    await expectNoLeaks()
  })

  test('like Kysely has its query cancelled at the deadline, and its transaction rolled back', async () => {
    await server.ask(table)
    const db = withKysely()
    const handler = handlerOf(db, async (db) => {
      const kysely = await db.client()
      await kysely.transaction().execute(async (transaction) => {
        await transaction.insertInto('people').values({ id: 1, name: 'Ada' }).execute()
        await sql`SELECT SLEEP(60)`.execute(transaction)
      })
    })
    await expect(invoke(handler, undefined, { timeout: 400 })).rejects.toThrow('aborted')
    await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
    await expectNoLeaks()
    expect(await server.ask('SELECT * FROM people')).toEqual([])
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('like Kysely cancels a query itself when it is told to', async () => {
    const db = server.own(
      mysqlPool({
        connections: 1,
        config: { ...server.config, user: 'nobody' },
        credentials: { username: server.config.user, password: server.config.password },
        map: (client) =>
          new Kysely<Tables>({
            dialect: new MysqlDialect({ pool: poolOfOne(client), controlConnection: createConnection }),
          }),
      }),
    )
    // Kysely tells of what it has cancelled.
    const told = jest.spyOn(console, 'error').mockImplementation(() => {})
    const handler = handlerOf(db, async (db) => {
      const kysely = await db.client()
      const controller = new AbortController()
      const slow = failureOf(() =>
        sql`SELECT SLEEP(60)`.execute(kysely, {
          signal: controller.signal,
          inflightQueryAbortStrategy: 'cancel query',
        }),
      )
      await until(async () => (await server.sessions()).some(({ info }) => info?.startsWith('SELECT SLEEP')))
      controller.abort(new Error('enough'))
      expect(await slow).toMatchObject({ message: expect.stringContaining('enough') })
      await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
      return (await sql`SELECT 1 AS one`.execute(kysely)).rows
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
    await expectNoLeaks()
    told.mockRestore()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('like Kysely goes back by db.release(), and is refused from then on', async () => {
    await server.ask(table)
    const handler = handlerOf(withKysely(), async (db) => {
      const kysely = await db.client()
      await db.release(kysely)
      const other = await db.acquire()
      await other.selectFrom('people').selectAll().execute()
      return failureOf(() => kysely.selectFrom('people').selectAll().execute())
    })
    await expect(invoke(handler, undefined)).resolves.toMatchObject({ code: 'LEASE_RELEASED' })
  })

  const people = mysqlTable('people', { id: int(), name: text() })

  test('like Drizzle queries, commits, rolls back and reads row by row', async () => {
    await server.ask(table)
    const db = server.own(mysqlPool({ connections: 1, config: server.config, map: (client) => drizzle({ client }) }))
    const handler = handlerOf(db, async (db) => {
      const orm = await db.client()
      await orm.transaction(async (transaction) => {
        await transaction.insert(people).values({ id: 1, name: 'Ada' })
        await transaction.transaction((nested) => nested.insert(people).values({ id: 2, name: 'Eve' }))
      })
      await failureOf(() =>
        orm.transaction(async (transaction) => {
          await transaction.insert(people).values({ id: 3, name: 'Bob' })
          transaction.rollback()
        }),
      )
      const read: unknown[] = []
      for await (const { id } of orm.select().from(people).iterator()) read.push(id)
      return { read, rows: await orm.select().from(people) }
    })
    await expect(invoke(handler, undefined)).resolves.toEqual({
      read: [1, 2],
      rows: [
        { id: 1, name: 'Ada' },
        { id: 2, name: 'Eve' },
      ],
    })
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })
})
