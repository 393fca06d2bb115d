import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { currentScope, managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { postgresJs } from 'middy-managed-instances/database/postgres'
import { barrier, createContext, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { failureOf, testServer, until } from '../support/server.ts'
import { configOf, handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'
import { over } from './support/sockets.ts'

const server = testServer()

/** Runs one request on a database of its own. */
const inRequest = <R>(work: (sql: postgres.Sql) => R, options?: SharedOptions): Promise<Awaited<R>> =>
  invoke(handlerWith(sharedOn(server, options), work), undefined)

describe("a request's sql", () => {
  test('runs fragments, identifiers, helpers and lists', async () => {
    const rows = await inRequest(async (sql) => {
      await sql`CREATE TABLE things (id int, name text, tags text[], detail jsonb)`
      const things = [
        { id: 1, name: 'one', tags: sql.array(['a', 'b']), detail: sql.json({ deep: [1] }) },
        { id: 2, name: 'two', tags: sql.array(['c']), detail: null },
      ]
      await sql`INSERT INTO things ${sql(things)}`
      await sql`UPDATE things SET ${sql({ name: 'second' })} WHERE id = ${2}`
      const filter = (least: number) => sql`AND id >= ${least} AND ${sql('name')} LIKE ${'%o%'}`
      const order = sql`ORDER BY ${sql('id')}`
      return sql`SELECT ${sql(['id', 'name', 'tags', 'detail'])} FROM ${sql('things')} WHERE id IN ${sql([1, 2, 3])} ${filter(1)} ${order}`
    })
    expect([...rows]).toEqual([
      { id: 1, name: 'one', tags: ['a', 'b'], detail: { deep: [1] } },
      { id: 2, name: 'second', tags: ['c'], detail: null },
    ])
  })

  test('runs values(), raw(), describe(), simple() and unsafe()', async () => {
    await inRequest(async (sql) => {
      expect([...(await sql`SELECT 1, 'a'`.values())]).toEqual([[1, 'a']])
      expect(String((await sql`SELECT 'raw'`.raw())[0]?.[0])).toBe('raw')
      expect((await sql`SELECT ${1}::int AS id`.describe()).columns.map(({ name }) => name)).toEqual(['id'])
      expect(await sql`SELECT 1 AS a; SELECT 2 AS b`.simple()).toMatchObject([[{ a: 1 }], [{ b: 2 }]])
      expect(await sql.unsafe('SELECT $1::int AS id', [5], { prepare: true })).toMatchObject([{ id: 5 }])
      expect(await sql.unsafe('SELECT 1 AS a; SELECT 2 AS b')).toMatchObject([[{ a: 1 }], [{ b: 2 }]])
    })
  })

  test('reads a file, in a transaction too, and fails if there is none', async () => {
    const path = join(tmpdir(), `postgres-js-${process.pid}.sql`)
    writeFileSync(path, 'SELECT $1::int AS id')
    try {
      await inRequest(async (sql) => {
        expect(await sql.file(path, [3])).toMatchObject([{ id: 3 }])
        expect(await sql.begin((sql) => sql.file(path, [4]))).toMatchObject([{ id: 4 }])
        expect(await failureOf(() => sql.file('/no/such.sql'))).toMatchObject({ code: 'ENOENT' })
      })
    } finally {
      rmSync(path)
    }
  })

  test('has types of its configuration, and its errors', async () => {
    const point = { to: 600, from: [600], serialize: (xy: number[]) => `(${xy})`, parse: (text: string) => text }
    await inRequest(
      async (sql) => {
        const typed = sql.typed as unknown as { point(xy: number[]): postgres.Parameter<number[]> }
        expect(await sql`SELECT ${typed.point([1, 2]) as unknown as string} AS at`).toMatchObject([{ at: '(1,2)' }])
        expect(await failureOf(() => sql`SELECT * FROM missing`)).toBeInstanceOf(sql.PostgresError)
      },
      { config: { types: { point } } },
    )
  })

  test('iterates over a cursor, to its end or not, and calls back', async () => {
    await inRequest(
      async (sql) => {
        const steps: number[] = []
        for await (const rows of sql`SELECT generate_series(1, 5) AS n`.cursor(2)) steps.push(rows.length)
        expect(steps).toEqual([2, 2, 1])
        for await (const [row] of sql`SELECT generate_series(1, 100) AS n`.cursor()) {
          expect(row).toEqual({ n: 1 })
          break
        }
        const seen: unknown[] = []
        await sql`SELECT generate_series(1, 3) AS n`.cursor(2, (rows) => {
          seen.push(rows.length)
        })
        await sql`SELECT generate_series(1, 3) AS n`.forEach(({ n }) => void seen.push(n))
        expect(seen).toEqual([2, 1, 1, 2, 3])
      },
      { connections: 1 },
    )
  })

  test('copies into a table and out of it over streams', async () => {
    await inRequest(
      async (sql) => {
        await sql`CREATE TABLE copied (id int)`
        const into = await sql`COPY copied FROM STDIN`.writable()
        into.write('1\n')
        into.end('2\n')
        await finished(into)
        let text = ''
        for await (const chunk of await sql`COPY copied TO STDOUT`.readable()) text += chunk
        expect(text).toBe('1\n2\n')
        expect(await sql`SELECT count(*)::int FROM copied`).toMatchObject([{ count: 2 }])
      },
      { connections: 1 },
    )
  })

  test('runs transactions and savepoints, with options, and resolves to what the callback returns', async () => {
    await inRequest(async (sql) => {
      await sql`CREATE TABLE kept (id int)`
      const failing = sql.begin(async (sql) => {
        await sql`INSERT INTO kept VALUES (1)`
        throw new RangeError('thrown')
      })
      await expect(failing).rejects.toThrow(new RangeError('thrown'))
      const answer = await sql.begin('ISOLATION LEVEL SERIALIZABLE', async (sql) => {
        await sql`INSERT INTO kept VALUES (2)`
        await sql
          .savepoint('part', async (sql) => {
            await sql`INSERT INTO kept VALUES (3)`
            throw new RangeError('part')
          })
          .catch(() => {})
        await sql.savepoint((sql) => sql`INSERT INTO kept VALUES (4)`)
        return (await sql`SHOW transaction_isolation`)[0]
      })
      expect(answer).toEqual({ transaction_isolation: 'serializable' })
      const [first, second] = await sql.begin((sql) => [sql`SELECT 1 AS n`, sql`SELECT id FROM kept ORDER BY id`])
      expect([...first]).toEqual([{ n: 1 }])
      expect([...second]).toEqual([{ id: 2 }, { id: 4 }])
    })
  })

  test('cancels a query once that is cancelled by its request too', async () => {
    const sockets: unknown[] = []
    const db = sharedOn(server, { connections: 1, config: over(server, (socket) => sockets.push(socket)) })
    const handler = handlerWith(db, async (sql, { signal }) => {
      const query = sql`SELECT pg_sleep(60)`.execute()
      signal.addEventListener('abort', () => query.cancel())
      await query
    })
    const context = createContext({ getRemainingTimeInMillis: () => 150 })
    await expect(invoke(handler, undefined, { context })).rejects.toThrow('aborted')
    await expectNoLeaks()
    expect(sockets).toHaveLength(2)
  })

  test('cancels a query by itself, running or waiting, and keeps the connection', async () => {
    await inRequest(
      async (sql) => {
        const [{ pid } = {}] = await sql`SELECT pg_backend_pid() AS pid`
        const running = sql`SELECT pg_sleep(60)`.execute()
        const waiting = sql`SELECT 2`.execute()
        const refused = [running, waiting].map((query) => expect(query).rejects.toMatchObject({ code: '57014' }))
        while ((await server.ask("SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")).length === 0);
        waiting.cancel()
        running.cancel()
        await Promise.all(refused)
        expect(await sql`SELECT pg_backend_pid() AS pid`).toMatchObject([{ pid }])
      },
      { connections: 1 },
    )
  })

  test('hears notifications in its own context until it has ended, over one connection of the budget', async () => {
    const db = sharedOn(server, { connections: 2 })
    const heard: unknown[] = []
    const listens = handlerWith(db, async (sql) => {
      const scope = currentScope()
      const first = Promise.withResolvers<string>()
      await sql.listen('news "of" day', (payload) => {
        heard.push(currentScope() === scope)
        first.resolve(payload)
      })
      await sql.notify('news "of" day', 'hello')
      return first.promise
    })
    await expect(invoke(listens, undefined)).resolves.toBe('hello')
    await invoke(
      handlerWith(db, async (sql) => {
        await sql.notify('news "of" day', 'to nobody')
        expect(await sql`SELECT pg_listening_channels()`).toHaveLength(0)
      }),
      undefined,
    )
    expect(heard).toEqual([true])
    expect((await server.sessions()).length).toBeLessThanOrEqual(2)
  })

  test('needs a second connection to listen, and says so', async () => {
    const error = await failureOf(() => inRequest((sql) => sql.listen('news', () => {}), { connections: 1 }))
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain('Raise connections to two for each worker.')
  })

  test('hears again after the connection it listens over was lost, and of two requests each its own', async () => {
    const db = sharedOn(server, { connections: 3 })
    const meet = barrier(2)
    const handler = handlerWith(db, async (sql) => {
      const payloads: string[] = []
      const { unlisten } = await sql.listen('shared', (payload) => {
        payloads.push(payload)
      })
      await meet()
      await server.ask("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
      // What is sent until it listens again is heard by nobody.
      await until(async () => {
        await server.ask("NOTIFY shared, 'again'")
        return payloads.includes('again')
      })
      await meet()
      await unlisten()
      return 'heard'
    })
    const results = await invokeConcurrently(handler, [1, 2])
    expect(results).toEqual(Array(2).fill({ status: 'fulfilled', value: 'heard' }))
  })

  test('calls back for rows in the context of the request', async () => {
    await inRequest(async (sql) => {
      const scope = currentScope()
      const scopes = new Set<unknown>()
      await sql`SELECT generate_series(1, 3)`.forEach(() => void scopes.add(currentScope()))
      await sql`SELECT generate_series(1, 3)`.cursor(2, () => {
        scopes.add(currentScope())
      })
      await sql.begin((sql) => {
        scopes.add(currentScope())
        return sql`SELECT generate_series(1, 3)`.forEach(() => void scopes.add(currentScope()))
      })
      expect([...scopes]).toEqual([scope])
    })
  })

  test('has no reserve(), subscribe() and largeObject(), and says what to do instead', async () => {
    await inRequest((sql) => {
      expect(() => sql.reserve()).toThrow(
        new TypeError(
          "postgresJs(): sql.reserve() is not for a request's handle. What needs one connection for several queries goes into sql.begin().",
        ),
      )
      expect(() => sql.subscribe('*', () => {})).toThrow('outlives requests')
      expect(() => sql.largeObject()).toThrow('sql.begin()')
    })
  })

  test('goes back at end(), and a second one is lent', async () => {
    const db = sharedOn(server)
    const handler = handlerWith(db, async (sql, { db }) => {
      await sql.end()
      expect(await failureOf(() => sql`SELECT 1`)).toMatchObject({ code: 'LEASE_RELEASED' })
      const another = await db.client()
      expect(await another`SELECT 1 AS one`).toMatchObject([{ one: 1 }])
    })
    await invoke(handler, undefined)
  })
})

describe('Drizzle', () => {
  const orders = pgTable('drizzled', { id: integer().primaryKey(), name: text() })

  test("runs on a request's sql by map: queries, transactions, and no more after the request", async () => {
    const db = server.own(
      postgresJs({ connections: 2, config: configOf(server), map: (client) => drizzle({ client }) }),
    )
    await server.ask('CREATE TABLE drizzled (id int PRIMARY KEY, name text)')
    let kept: PostgresJsDatabase | undefined
    const handler = middy(managed())
      .use(database({ db, contextKey: 'orm' }))
      .handler(async (_event, { orm }) => {
        const client = await orm.client()
        kept = client
        await client.insert(orders).values({ id: 1, name: 'one' })
        const rolledBack = client.transaction(async (transaction) => {
          await transaction.insert(orders).values({ id: 2, name: 'two' })
          await transaction.transaction(async (nested) => nested.insert(orders).values({ id: 3, name: 'three' }))
          transaction.rollback()
        })
        await expect(rolledBack).rejects.toThrow()
        return client.select().from(orders)
      })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ id: 1, name: 'one' }])
    expect(await failureOf(() => kept?.select().from(orders))).toMatchObject({ cause: { code: 'REQUEST_ENDED' } })
  })
})
