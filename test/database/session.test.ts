import { describe, expect, jest, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { handlerOf, testServer, untilIdle } from './support/server.ts'

const server = testServer()

const look = `SELECT current_setting('search_path') AS path, current_user AS role, current_setting('application_name') AS name,
  to_regclass('pg_temp.scratch')::text AS scratch, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
  (SELECT count(*)::int FROM pg_listening_channels()) AS channels, (SELECT count(*)::int FROM pg_cursors WHERE is_holdable) AS cursors,
  (SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql) AS prepared`

const untouched = {
  path: '"$user", public',
  role: 'postgres',
  name: 'pool-under-test',
  scratch: null,
  locks: 0,
  channels: 0,
  cursors: 0,
  prepared: 0,
}

const habits: [string, ...string[]][] = [
  ['SET', "SET search_path TO 'elsewhere'"],
  ['SET after a comment', "/* trace */ -- and more\n set search_path to 'elsewhere'"],
  ['SET behind another statement', "SELECT 1; SET search_path TO 'elsewhere'"],
  ['SET ROLE', 'SET ROLE pg_monitor'],
  ['SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION pg_monitor'],
  ['set_config()', "SELECT set_config('search_path', 'elsewhere', false)"],
  ['DO', "DO $$ BEGIN EXECUTE 'SET sea' || 'rch_path TO elsewhere'; END $$"],
  ['CREATE TEMP TABLE', 'CREATE TEMP TABLE scratch (id int)'],
  ['CREATE TEMPORARY TABLE AS', 'CREATE TEMPORARY TABLE scratch AS SELECT 1 AS id'],
  ['SELECT INTO TEMP', 'SELECT 1 AS id INTO TEMP scratch'],
  ['an advisory lock', 'SELECT pg_advisory_lock(42)'],
  ['a tried advisory lock', 'SELECT pg_try_advisory_lock(42)'],
  ['LISTEN', 'LISTEN news'],
  ['a holdable cursor', 'DECLARE kept CURSOR WITH HOLD FOR SELECT 1'],
  ['PREPARE', 'PREPARE kept AS SELECT 1'],
  ['PREPARE after SET', "SET search_path TO 'elsewhere'", 'PREPARE kept AS SELECT 1'],
]

describe('what a request leaves in its session', () => {
  test.each(habits)('by %s is gone before the next one', async (_name, ...texts) => {
    const db = server.pool({ connections: 1 })
    const leaves = handlerOf(db, async (db) => {
      const client = await db.client()
      for (const text of texts) await client.query(text)
    })
    await invoke(leaves, undefined)
    const rows = await invoke(
      handlerOf(db, async (db) => (await (await db.client()).query(look)).rows),
      undefined,
    )
    expect(rows).toEqual([untouched])
  })

  test('by a query of text and values, and by one with a name, is gone too', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query('SELECT set_config($1, $2, false)', ['search_path', 'elsewhere'])
      await client.query({ name: 'lock', text: 'SELECT pg_advisory_lock($1)', values: [42] })
    })
    await invoke(handler, undefined)
    const rows = await invoke(
      handlerOf(db, async (db) => (await (await db.client()).query(look)).rows),
      undefined,
    )
    expect(rows).toEqual([untouched])
  })

  test('by a function that changes a setting the server reports is gone too', async () => {
    await server.ask(
      `CREATE OR REPLACE FUNCTION quietly() RETURNS void LANGUAGE sql AS $$ SELECT set_config('TimeZone', 'Asia/Tokyo', false) $$`,
    )
    const db = server.pool({ connections: 1 })
    await invoke(
      handlerOf(db, async (db) => (await db.client()).query('SELECT quietly()')),
      undefined,
    )
    const rows = await invoke(
      handlerOf(db, async (db) => (await (await db.client()).query('SHOW TimeZone')).rows),
      undefined,
    )
    expect(rows).not.toEqual([{ TimeZone: 'Asia/Tokyo' }])
  })

  test('by a function that takes a lock needs the reset to be always', async () => {
    await server.ask(
      `CREATE OR REPLACE FUNCTION lock_quietly() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_lock(7) $$`,
    )
    const locksAfter = async (reset: 'dirty' | 'always'): Promise<unknown> => {
      const db = server.pool({ connections: 1, reset })
      await invoke(
        handlerOf(db, async (db) => (await db.client()).query('SELECT lock_quietly()')),
        undefined,
      )
      const [row] = await invoke(
        handlerOf(db, async (db) => (await (await db.client()).query(look)).rows),
        undefined,
      )
      await db.close()
      return row?.locks
    }
    expect([await locksAfter('dirty'), await locksAfter('always')]).toEqual([1, 0])
  })

  test('stays where the reset is off', async () => {
    const db = server.pool({ connections: 1, reset: 'off' })
    await invoke(
      handlerOf(db, async (db) => (await db.client()).query("SET search_path TO 'elsewhere'")),
      undefined,
    )
    const [row] = await invoke(
      handlerOf(db, async (db) => (await (await db.client()).query(look)).rows),
      undefined,
    )
    expect(row?.path).toBe('elsewhere')
  })

  test('goes without the named statements, which node-postgres believes to be prepared', async () => {
    const db = server.pool({ connections: 1, reset: 'always' })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query("SET search_path TO 'elsewhere'")
      return (await client.query({ name: 'add', text: 'SELECT $1::int + 1 AS sum', values: [1] })).rows
    })
    for (let request = 0; request < 3; request++)
      await expect(invoke(handler, undefined)).resolves.toEqual([{ sum: 2 }])
    expect(await server.sessions()).toHaveLength(1)
  })

  test('is not looked for where nothing is left: an UPDATE with SET, SET LOCAL, a transaction, COPY', async () => {
    await server.ask('CREATE TABLE IF NOT EXISTS harmless (id int, temp int)')
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      for (const sql of [
        'BEGIN',
        "SET LOCAL search_path TO 'public'",
        'SET TRANSACTION READ WRITE',
        'INSERT INTO harmless VALUES (1, 20)',
        'UPDATE harmless\n  SET temp = temp + 1',
        'SELECT pg_advisory_xact_lock(1)',
        'PREPARE TRANSACTION',
        'ROLLBACK',
      ])
        await client.query(sql).catch(() => {})
    })
    await invoke(handler, undefined)
    expect((await server.sessions()).map(({ query }) => query)).toEqual(['ROLLBACK'])
  })
})

describe('a transaction that is left open', () => {
  const leaking = (db: { client(): Promise<PoolClient> }): Promise<unknown> =>
    db.client().then(async (client) => {
      await client.query('BEGIN')
      await client.query('INSERT INTO leaked VALUES (1)')
    })

  test('is rolled back, and reported with where its client was asked for', async () => {
    await server.ask('CREATE TABLE leaked (id int)')
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, stacks: true, onLeak: (leak) => leaks.push(leak) })
    await invoke(handlerOf(db, leaking), undefined)
    await expectNoLeaks()
    expect(leaks).toEqual([
      {
        database: 'pgPool()',
        kind: 'transaction',
        action: 'rolledBack',
        outcome: 'returned',
        stack: expect.stringMatching(/^\s+at .*\n(.*\n)*.*session\.test/),
      },
    ])
    expect(await server.ask('SELECT count(*)::int AS count FROM leaked')).toEqual([{ count: 0 }])
    expect((await server.sessions()).map(({ state }) => state)).toEqual(['idle'])
  })

  test('is reported without a stack, and by one line, if nothing else is asked for', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      const db = server.pool({ connections: 1 })
      await invoke(handlerOf(db, leaking), undefined)
      expect(warn).toHaveBeenCalledTimes(1)
      const line = JSON.parse(warn.mock.calls[0]?.[0] as string)
      expect(line).toMatchObject({ level: 'WARN', code: 'LEASE_LEAK', kind: 'transaction', action: 'rolledBack' })
      expect(line.message).toContain('stacks: true')
    } finally {
      warn.mockRestore()
    }
  })

  test('and has failed is rolled back too', async () => {
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      await client.query('BEGIN')
      await client.query('SELECT 1 / 0')
    })
    await expect(invoke(handler, undefined)).rejects.toMatchObject({ code: '22012' })
    await expectNoLeaks()
    expect(leaks).toMatchObject([{ kind: 'transaction', outcome: 'threw' }])
    expect((await server.sessions()).map(({ state }) => state)).toEqual(['idle'])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('from onLeak')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('from onLeak'))],
  ])('does not keep the connection from anybody if onLeak %s', async (_name, onLeak) => {
    const db = server.pool({ connections: 1, onLeak })
    await invoke(handlerOf(db, leaking), undefined)
    await expect(
      invoke(
        handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows),
        undefined,
      ),
    ).resolves.toEqual([{ one: 1 }])
  })
})

test('40 requests that leave a transaction and 40 that leave a session show the 80 after them nothing of it', async () => {
  await server.ask('CREATE TABLE many (id int)')
  const leaks: Leak[] = []
  const db = server.pool({ connections: 4, onLeak: (leak) => leaks.push(leak) })
  const meet = barrier(4)
  const handler = handlerOf(db, async (db, event: number) => {
    const client = await db.client()
    await meet()
    const { rows } = await client.query(look)
    if (event % 2 === 0) {
      await client.query('BEGIN')
      await client.query('INSERT INTO many VALUES ($1)', [event])
    } else
      await client.query(
        'SET search_path TO elsewhere; CREATE TEMP TABLE scratch (id int); SELECT pg_advisory_lock(9); SELECT pg_advisory_unlock(9); SELECT pg_advisory_lock_shared(8); LISTEN news',
      )
    return rows[0]
  })
  const events = Array.from({ length: 80 }, (_, event) => event)
  const results = await invokeConcurrently(handler, events, { concurrency: 4 })
  expect(results).toEqual(events.map(() => ({ status: 'fulfilled', value: untouched })))
  await expectNoLeaks()
  expect(leaks).toHaveLength(40)
  expect(await server.ask('SELECT count(*)::int AS count FROM many')).toEqual([{ count: 0 }])
  const sessions = await server.sessions()
  expect(sessions.length).toBeLessThanOrEqual(4)
  expect(sessions.every(({ state }) => state === 'idle')).toBe(true)
})

test.each(['DISCARD ALL', 'DEALLOCATE ALL'])('%s takes no statement from a request that comes later', async (text) => {
  const db = server.pool({ connections: 1 })
  const named = handlerOf(
    db,
    async (db) => (await (await db.client()).query({ name: 'one', text: 'SELECT 1 AS one' })).rows,
  )
  await expect(invoke(named, undefined)).resolves.toEqual([{ one: 1 }])
  const deallocate = handlerOf(db, async (db) => void (await (await db.client()).query(text)))
  await invoke(deallocate, undefined)
  await expect(invoke(named, undefined)).resolves.toEqual([{ one: 1 }])
})

test('a transaction left open through the pool meets no request', async () => {
  const leaks: Leak[] = []
  const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
  const client = await (await db.pool).connect()
  await client.query('BEGIN')
  client.release()
  const handler = handlerOf(db, async (db) => {
    const { rows } = await (await db.client()).query('SELECT now() = statement_timestamp() AS alone')
    return rows
  })
  await expect(invoke(handler, undefined)).resolves.toEqual([{ alone: true }])
  expect(leaks).toEqual([])
})

describe('a query that nobody waited for', () => {
  test('is let finish', async () => {
    await server.ask('CREATE TABLE unawaited (id int)')
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      void client.query('INSERT INTO unawaited SELECT 1 FROM pg_sleep(0.05)')
    })
    await invoke(handler, undefined)
    await expectNoLeaks()
    expect(await server.ask('SELECT count(*)::int AS count FROM unawaited')).toEqual([{ count: 1 }])
    expect(leaks).toEqual([])
    await untilIdle(db, 1)
  })

  test('and that takes long is cancelled and reported, and hurts nobody', async () => {
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      void client.query('SELECT pg_sleep(60)')
    })
    await invoke(handler, undefined)
    await expectNoLeaks(4_000)
    expect(leaks).toMatchObject([{ kind: 'query', action: 'cancelled' }])
    expect((await server.sessions()).map(({ state }) => state)).toEqual(['idle'])
  })
})
