import { EventEmitter } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import { pgPool, poolOfOne } from 'middy-managed-instances/database/pg'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { failureOf, handlerOf, testServer, untilIdle } from './support/server.ts'

const server = testServer()

interface Tables {
  readonly people: { readonly id: number; readonly name: string }
}

describe('Kysely on a lease', () => {
  const open = () =>
    server.own(
      pgPool({
        connections: 1,
        config: server.config,
        map: (client) => new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) }),
      }),
    )

  test('queries, commits and rolls back', async () => {
    await server.ask('CREATE TABLE IF NOT EXISTS people (id int, name text); TRUNCATE people')
    const db = open()
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
    expect((await db.pool).totalCount).toBe(1)
  })

  test('keeps a query that runs beside a transaction out of it', async () => {
    await server.ask('CREATE TABLE IF NOT EXISTS people (id int, name text); TRUNCATE people')
    const handler = handlerOf(open(), async (db) => {
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

  test('goes back by db.release(), and is refused from then on', async () => {
    const db = open()
    const handler = handlerOf(db, async (db) => {
      const kysely = await db.client()
      await db.release(kysely)
      const other = await db.acquire()
      await other.selectFrom('people').selectAll().execute()
      return failureOf(() => kysely.selectFrom('people').selectAll().execute())
    })
    await expect(invoke(handler, undefined)).resolves.toMatchObject({ code: 'LEASE_RELEASED' })
  })
})

describe('Drizzle on a lease', () => {
  const people = pgTable('people', { id: integer(), name: text() })

  test('queries, commits and rolls back', async () => {
    await server.ask('CREATE TABLE IF NOT EXISTS people (id int, name text); TRUNCATE people')
    const db = server.own(pgPool({ connections: 1, config: server.config, map: (client) => drizzle({ client }) }))
    const handler = handlerOf(db, async (db) => {
      const orm = await db.client()
      await orm.transaction(async (transaction) => {
        await transaction.insert(people).values({ id: 1, name: 'Ada' })
      })
      await failureOf(() =>
        orm.transaction(async (transaction) => {
          await transaction.insert(people).values({ id: 2, name: 'Eve' })
          transaction.rollback()
        }),
      )
      return orm.select().from(people)
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ id: 1, name: 'Ada' }])
    await expectNoLeaks()
    await untilIdle(db, 1)
  })
})

type Wire = Record<'parse' | 'bind' | 'describe' | 'execute', (message: object) => void> &
  Record<'flush' | 'sync', () => void>

/** Reads a portal in steps, as pg-cursor does. */
class Cursor extends EventEmitter {
  readonly text: string
  readonly rows: unknown[] = []
  readonly #done = Promise.withResolvers<void>()
  #connection: Wire | undefined

  constructor(text: string) {
    super()
    this.text = text
  }

  submit(connection: unknown): void {
    this.#connection = connection as Wire
    this.#connection.parse({ text: this.text })
    this.#connection.bind({ values: [] })
    this.#connection.describe({ type: 'P', name: '' })
    this.read(1)
  }

  read(rows: number): void {
    this.#connection?.execute({ rows: `${rows}` })
    this.#connection?.flush()
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  handleRowDescription(): void {}
  handleParseComplete(): void {}
  handleDataRow(message: { fields: unknown[] }): void {
    this.rows.push(message.fields[0])
  }
  handlePortalSuspended(): void {
    this.emit('suspended')
  }
  handleCommandComplete(): void {
    this.#connection?.sync()
  }
  handleReadyForQuery(): void {
    this.#done.resolve()
  }
  handleError(error: Error): void {
    this.#connection?.sync()
    this.#done.reject(error)
  }
}

describe('a cursor', () => {
  test('reads in steps on a lease', async () => {
    const handler = handlerOf(server.pool({ connections: 1 }), async (db) => {
      const client = await db.client()
      const cursor = client.query(new Cursor('SELECT generate_series(1, 5)'))
      cursor.on('suspended', () => cursor.read(2))
      await cursor.done
      return cursor.rows
    })
    await expect(invoke(handler, undefined)).resolves.toEqual(['1', '2', '3', '4', '5'])
  })

  test('that is left open costs its connection, and is reported', async () => {
    const leaks: unknown[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const cursor = client.query(new Cursor('SELECT generate_series(1, 5)'))
      cursor.done.catch(() => {})
      await new Promise((resolve) => cursor.once('suspended', resolve))
    })
    await invoke(handler, undefined)
    await expectNoLeaks(4_000)
    expect(leaks).toMatchObject([{ kind: 'query', action: 'destroyed' }])
    await expect(
      invoke(
        handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows),
        undefined,
      ),
    ).resolves.toEqual([{ one: 1 }])
  })

  test('is refused after its lease, and told so', async () => {
    const handler = handlerOf(server.pool({ connections: 1 }), async (db) => {
      const client = await db.client()
      client.release()
      const cursor = client.query(new Cursor('SELECT 1'))
      return failureOf(() => cursor.done)
    })
    await expect(invoke(handler, undefined)).resolves.toMatchObject({ code: 'LEASE_RELEASED' })
  })
})
