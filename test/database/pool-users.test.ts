import { describe, expect, jest, test } from '@jest/globals'
import { type Database, DatabaseConnectError } from 'middy-managed-instances/database'
import type { PgPoolOptions } from 'middy-managed-instances/database/pg'
import { invoke } from 'middy-managed-instances/testing'
import type pg from 'pg'
import { failureOf, handlerOf, testServer, untilIdle } from './support/server.ts'

jest.setTimeout(20_000)

const server = testServer()

/** Asks for a client, queries with it, and resolves to the last row. */
const ask = (db: Database<pg.PoolClient, pg.Pool>, ...texts: string[]): Promise<pg.QueryResultRow | undefined> =>
  invoke(
    handlerOf(db, async (db) => {
      const client = await db.client()
      let row: pg.QueryResultRow | undefined
      for (const text of texts) row = (await client.query(text)).rows[0]
      return row
    }),
    undefined,
  )

describe('a listener for the connections of db.pool', () => {
  /** A pool with a listener, and how many connections it has opened. */
  const listened = async (listen: (client: pg.PoolClient) => unknown, options: Partial<PgPoolOptions> = {}) => {
    const db = server.pool({ connections: 1, acquireTimeout: 2_000, onError: () => {}, ...options })
    const counts = { opened: 0 }
    ;(await db.pool).on('connect', (client) => {
      counts.opened += 1
      listen(client)
    })
    return { db, counts }
  }
  const show = 'SHOW statement_timeout'
  const set = { statement_timeout: '30s' }

  test.each(['dirty', 'always', 'off'] as const)(
    'may query: what it sets is there for every request, whatever they set, with the reset %p',
    async (reset) => {
      const { db, counts } = await listened((client) => client.query("SET statement_timeout = '30s'"), { reset })
      expect([await ask(db, show), await ask(db, show)]).toEqual([set, set])
      expect(counts.opened).toBe(reset === 'always' ? 2 : 1)
      await ask(db, "SET work_mem = '5MB'")
      expect(await ask(db, show)).toEqual(set)
    },
  )

  test('costs no connection if it sets nothing', async () => {
    const { db, counts } = await listened((client) => client.query('SELECT 1'))
    const setting = "SELECT set_config('app.tenant', 'a', true)"
    for (let request = 0; request < 3; request++) await ask(db, setting)
    expect(counts.opened).toBe(1)
  })

  test('may change what the server reports, by a function of its own', async () => {
    await server.ask(
      "CREATE FUNCTION set_up() RETURNS void LANGUAGE sql AS $$ SELECT set_config('TimeZone', 'Asia/Tokyo', false) $$",
    )
    const { db, counts } = await listened((client) => client.query('SELECT set_up()'))
    const tokyo = { TimeZone: 'Asia/Tokyo' }
    expect([await ask(db, 'SHOW TimeZone'), await ask(db, 'SHOW TimeZone')]).toEqual([tokyo, tokyo])
    expect(counts.opened).toBe(1)
    await ask(db, "SET TimeZone = 'Europe/Rome'")
    expect(await ask(db, 'SHOW TimeZone')).toEqual(tokyo)
  })

  test('may query once and again, in a transaction too, before the first request does', async () => {
    const done: string[] = []
    const { db } = await listened(async (client) => {
      for (const text of ['BEGIN', "SET statement_timeout = '30s'", 'SELECT pg_sleep(0.05)', 'COMMIT']) {
        await client.query(text)
        done.push(text)
      }
    })
    expect(await ask(db, show)).toEqual(set)
    expect(done).toHaveLength(4)
  })

  test('keeps what it has set where others use the connection first', async () => {
    const { db, counts } = await listened((client) => client.query("SET statement_timeout = '30s'"))
    await (await db.pool).query('SELECT 1')
    expect(await ask(db, show)).toEqual(set)
    expect(counts.opened).toBe(2)
  })

  test.each([
    ['a transaction open', 'BEGIN'],
    ['what no reset undoes', 'PREPARE kept AS SELECT 1'],
    ['a query running', 'SELECT pg_sleep(60)'],
  ])('that leaves %s fails the request, with what is wrong and its remedy', async (what, text) => {
    const { db, counts } = await listened((client) => client.query(text), { connectTimeout: 300 })
    const error = await failureOf(() => ask(db, 'SELECT 1'))
    expect(error).toBeInstanceOf(DatabaseConnectError)
    expect(error).toMatchObject({ retryable: false, data: { attempts: 1 } })
    expect((error as Error).message).toContain(
      `a listener for "connect" of db.pool, or a user of its clients, has left ${what}`,
    )
    expect((error as Error).message).toContain('config.options')
    expect(counts.opened).toBe(1)
  })

  test('that loses the connection has the request try again', async () => {
    let isFirst = true
    const { db, counts } = await listened((client) => {
      if (isFirst) client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {})
      isFirst = false
    })
    expect(await ask(db, 'SELECT 1 AS one')).toEqual({ one: 1 })
    expect(counts.opened).toBe(2)
  })
})

describe('what a user of db.pool leaves in a session', () => {
  const elsewhere = { search_path: 'elsewhere' }

  test.each([
    ['is gone', 'dirty', { search_path: '"$user", public' }],
    ['is gone', 'always', { search_path: '"$user", public' }],
    ['stays', 'off', elsewhere],
  ] as const)('%s before the next request with the reset %p', async (_name, reset, found) => {
    const db = server.pool({ connections: 1, reset })
    const pid = 'SELECT pg_backend_pid() AS pid'
    const before = await ask(db, pid)
    await (await db.pool).query('SET search_path TO elsewhere')
    expect(await ask(db, 'SHOW search_path')).toEqual(found)
    expect(await ask(db, pid)).toEqual(before)
  })

  test('that can not be reset costs the connection', async () => {
    const db = server.pool({ connections: 1 })
    const client = await (await db.pool).connect()
    await client.query('SET search_path TO elsewhere')
    Object.assign(client, { reset: () => Promise.reject(new Error('no')) })
    client.release()
    expect(await ask(db, 'SHOW search_path')).not.toEqual(elsewhere)
  })

  test('that no reset undoes costs the connection', async () => {
    const db = server.pool({ connections: 2 })
    const pool = await db.pool
    await Promise.all([pool.query('PREPARE kept AS SELECT 1'), pool.query('PREPARE kept AS SELECT 1')])
    expect(await ask(db, 'SELECT count(*)::int AS kept FROM pg_prepared_statements')).toEqual({ kept: 0 })
    await untilIdle(db, 1)
  })

  test('every time anew fails the request', async () => {
    const db = server.pool({ connections: 2 })
    const pool = await db.pool
    let opened = 0
    pool.on('acquire', (client) => {
      opened += 1
      // As if it had been somebody else's.
      pool.emit('release', undefined as never, client)
      client.query('PREPARE kept AS SELECT 1')
    })
    const error = await failureOf(() => ask(db, 'SELECT 1'))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('a user of its clients') })
    expect(opened).toBe(3)
  })
})
