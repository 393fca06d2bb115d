import { expect, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { handlerOf } from '../support/server.ts'

const look = `SELECT @@sql_mode AS mode, @@time_zone AS zone, DATABASE() AS db, @trace AS trace, @@collation_connection AS collation,
  @@tx_isolation AS isolation, @@autocommit AS autocommit, IS_USED_LOCK('a') AS held, @@in_transaction AS open`

const untouched = {
  mode: expect.stringContaining('STRICT'),
  zone: 'SYSTEM',
  db: 'tests',
  trace: null,
  collation: 'utf8mb4_unicode_ci',
  isolation: 'REPEATABLE-READ',
  autocommit: 1,
  held: null,
  open: 0,
}

const habits: [string, string][] = [
  ['SET', "SET sql_mode = ''"],
  ['SET after a comment', "/* trace */ -- and more\n set time_zone = '+01:00'"],
  ['SET NAMES', 'SET NAMES latin1'],
  ['SET TRANSACTION', 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
  ['SET autocommit', 'SET autocommit = 0'],
  ['SET of a user variable', "SET @trace = 'left'"],
  ['an assignment', "SELECT @trace := 'left'"],
  ['SELECT INTO', "SELECT 'left' INTO @trace"],
  ['a comment that is carried out', "/*!40101 SET @trace = 'left' */"],
  ['USE', 'USE mysql'],
  ['GET_LOCK', "SELECT GET_LOCK('a', 0)"],
  ['a block', "BEGIN NOT ATOMIC SET @trace = 'left'; END"],
  ['EXECUTE IMMEDIATE', "EXECUTE IMMEDIATE 'SET @trace = 1'"],
]

onMariaDb('what a request leaves in its session', () => {
  const server = mysqlServer()
  const lookOver = async (client: PoolConnection): Promise<unknown> => (await client.query<RowDataPacket[]>(look))[0][0]
  const run = <R>(db: ReturnType<typeof server.pool>, work: (client: PoolConnection) => Promise<R>): Promise<R> =>
    invoke(
      handlerOf(db, async (db) => work(await db.client())),
      undefined,
    ) as Promise<R>

  test.each(habits)('by %s is gone before the next one, and the connection is kept', async (_name, sql) => {
    const db = server.pool({ connections: 1 })
    const before = await run(db, async (client) => {
      await client.query(sql)
      return client.threadId
    })
    expect(await run(db, lookOver)).toEqual(untouched)
    expect(await run(db, async (client) => client.threadId)).toBe(before)
  })

  test.each([
    ['a temporary table', 'CREATE TEMPORARY TABLE scratch (id int)', 'SELECT * FROM scratch', 'ER_NO_SUCH_TABLE'],
    ['a statement of its own', "PREPARE kept FROM 'SELECT 1'", 'EXECUTE kept', 'ER_UNKNOWN_STMT_HANDLER'],
  ])('as %s is gone too', async (_name, leave, use, code) => {
    const db = server.pool({ connections: 1 })
    await run(db, (client) => client.query(leave))
    await expect(run(db, (client) => client.query(use))).rejects.toMatchObject({ code })
  })

  test('as locked tables is unlocked', async () => {
    await server.ask('CREATE TABLE locked (id int)')
    const db = server.pool({ connections: 2 })
    await run(db, (client) => client.query('LOCK TABLES locked WRITE'))
    await expectNoLeaks()
    await server.ask('INSERT INTO locked VALUES (1)')
  })

  test('as another database costs the connection where none is configured', async () => {
    const db = server.pool({ connections: 1, config: { database: undefined as never } })
    const first = await run(db, async (client) => {
      await client.query('USE mysql')
      return client.threadId
    })
    const [row, second] = await run(db, async (client) => [
      (await client.query<RowDataPacket[]>('SELECT DATABASE() AS db'))[0][0],
      client.threadId,
    ])
    expect(row).toEqual({ db: null })
    expect(second).not.toBe(first)
  })

  test('by a procedure that changes a setting the server reports is gone too', async () => {
    await server.ask("CREATE OR REPLACE FUNCTION quietly() RETURNS int BEGIN SET time_zone = '+05:00'; RETURN 1; END")
    const db = server.pool({ connections: 1 })
    await run(db, (client) => client.query('DO quietly()'))
    expect(await run(db, lookOver)).toEqual(untouched)
  })

  test('by a function out of sight needs the reset to be always, and stays where it is off', async () => {
    await server.ask("CREATE OR REPLACE FUNCTION hide() RETURNS int BEGIN SET @trace = 'hidden'; RETURN 1; END")
    const left: unknown[] = []
    for (const reset of ['dirty', 'always', 'off'] as const) {
      const db = server.pool({ connections: 1, reset })
      await run(db, (client) => client.query('SELECT hide()'))
      left.push(((await run(db, lookOver)) as { trace: unknown }).trace)
    }
    expect(left).toEqual(['hidden', null, 'hidden'])
  })

  test('goes with what a listener of the pool has set on each connection', async () => {
    const db = server.pool({ connections: 1 })
    const pool = await db.pool
    pool.on('connection', (connection) => void connection.query("SET time_zone = '+03:00'"))
    const zone = async (client: PoolConnection): Promise<unknown> =>
      ((await lookOver(client)) as { zone: unknown }).zone
    expect([await run(db, zone), await run(db, zone)]).toEqual(['+03:00', 'SYSTEM'])
  })

  test.each([
    ['after an INSERT', 'INSERT INTO left_open VALUES (2)', true],
    ['after an error', 'INSERT INTO left_open VALUES (1)', true],
    ['while it is queried', 'INSERT INTO left_open VALUES (2)', false],
  ])('goes with a transaction left open through the pool %s', async (_name, last, awaited) => {
    await server.ask('CREATE OR REPLACE TABLE left_open (id int PRIMARY KEY)')
    const leaks: Leak[] = []
    const db = server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak) })
    const connection = await (await db.pool).getConnection()
    await connection.beginTransaction()
    await connection.query('INSERT INTO left_open VALUES (1)')
    const queried = connection.query(last).catch(() => {})
    if (awaited) await queried
    connection.release()
    await expect(
      run(db, async (client) => (await client.query('SELECT @@in_transaction AS open'))[0]),
    ).resolves.toEqual([{ open: 0 }])
    expect(await server.ask('SELECT id FROM left_open')).toEqual([])
    expect(leaks).toEqual([])
  })

  test('goes with what was prepared, which is prepared again', async () => {
    const db = server.pool({ connections: 1, reset: 'always' })
    for (let request = 0; request < 3; request++)
      await expect(run(db, async (client) => (await client.execute('SELECT ? + 1 AS sum', [1]))[0])).resolves.toEqual([
        { sum: 2 },
      ])
    expect(await server.ask("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")).toEqual([
      { Variable_name: 'Prepared_stmt_count', Value: '0' },
    ])
  })

  test('leaves texts with other characters as they are', async () => {
    const db = server.pool({ connections: 1 })
    await run(db, (client) => client.query('SET NAMES latin1'))
    await expect(
      run(db, async (client) => (await client.query("SELECT 'žluťoučký 🐎' AS text, HEX('ž') AS hex"))[0]),
    ).resolves.toEqual([{ text: 'žluťoučký 🐎', hex: 'C5BE' }])
  })

  test('is not looked for where nothing is left', async () => {
    await server.ask('CREATE TABLE harmless (id int PRIMARY KEY, a int)')
    const db = server.pool({ connections: 1 })
    const before = await server.ask("SHOW GLOBAL STATUS LIKE 'Com_set_option'")
    await run(db, async (client) => {
      await client.beginTransaction()
      await client.query('INSERT INTO harmless VALUES (1, 2) ON DUPLICATE KEY UPDATE a = 3')
      await client.query('UPDATE harmless\n SET a = a + 1')
      await client.rollback()
    })
    await expectNoLeaks()
    // A reset has SET NAMES with it.
    expect(await server.ask("SHOW GLOBAL STATUS LIKE 'Com_set_option'")).toEqual(before)
  })

  const leaky = (options: object = {}) => {
    const leaks: Leak[] = []
    return { leaks, db: server.pool({ connections: 1, onLeak: (leak) => leaks.push(leak), ...options }) }
  }

  test('as an open transaction is rolled back, and reported with where its client was asked for', async () => {
    await server.ask('CREATE TABLE leaked (id int)')
    const { leaks, db } = leaky({ stacks: true })
    await run(db, async (client) => {
      await client.beginTransaction()
      await client.query('INSERT INTO leaked VALUES (1)')
    })
    await expectNoLeaks()
    expect(leaks).toEqual([
      {
        database: 'mysqlPool()',
        kind: 'transaction',
        action: 'rolledBack',
        outcome: 'returned',
        stack: expect.stringContaining('session.test'),
      },
    ])
    expect(await server.ask('SELECT * FROM leaked')).toEqual([])
    expect(await run(db, lookOver)).toEqual(untouched)
  })

  test.each([
    ['a SELECT in it', 'SELECT * FROM errors'],
    ['an error in it', 'INSERT INTO errors VALUES (1), (1)'],
    ['a prepared statement', 'prepared'],
  ])('as an open transaction with %s is noticed', async (_name, sql) => {
    await server.ask('CREATE TABLE IF NOT EXISTS errors (id int PRIMARY KEY)')
    const { leaks, db } = leaky()
    await run(db, async (client) => {
      await client.query('START TRANSACTION')
      await (sql === 'prepared' ? client.execute('SELECT * FROM errors') : client.query(sql)).catch(() => {})
    })
    await expectNoLeaks()
    expect(leaks).toMatchObject([{ kind: 'transaction', action: 'rolledBack' }])
    expect(await run(db, lookOver)).toEqual(untouched)
  })

  test('as a transaction that a failed procedure has opened is noticed, whose error hides it', async () => {
    await server.ask(
      "CREATE TABLE hidden (id int); CREATE PROCEDURE fails() BEGIN START TRANSACTION; INSERT INTO hidden VALUES (1); SIGNAL SQLSTATE '45000'; END",
    )
    for (const reset of ['dirty', 'off'] as const) {
      const { leaks, db } = leaky({ reset })
      await run(db, (client) => client.query('CALL fails()')).catch(() => {})
      await expectNoLeaks()
      expect(leaks).toMatchObject([{ kind: 'transaction', action: 'rolledBack', outcome: 'threw' }])
      expect(await server.ask('SELECT * FROM hidden')).toEqual([])
    }
  })

  test('by an error that leaves nothing is no leak, nor by a transaction that a deadlock has ended', async () => {
    await server.ask('CREATE TABLE fought (id int PRIMARY KEY); INSERT INTO fought VALUES (1), (2)')
    const leaks: Leak[] = []
    const db = server.pool({ connections: 2, onLeak: (leak) => leaks.push(leak) })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      await client.query('SELECT nonsense').catch(() => {})
      await client.beginTransaction()
      await client.query('UPDATE fought SET id = id WHERE id = ?', [event])
      await meet()
      await client.query('UPDATE fought SET id = id WHERE id = ?', [3 - event])
      await client.commit()
    })
    const results = await invokeConcurrently(handler, [1, 2])
    await expectNoLeaks()
    expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([
      { reason: { code: 'ER_LOCK_DEADLOCK' } },
    ])
    expect(leaks).toEqual([])
    expect(await countsOf(db)).toEqual({ total: 2, idle: 2 })
  })

  test('as a query nobody waited for is let finish, or cancelled if it takes long', async () => {
    await server.ask('CREATE TABLE unawaited (id int)')
    const { leaks, db } = leaky()
    await run(db, async (client) => void client.query('INSERT INTO unawaited SELECT SLEEP(0.05)'))
    await expectNoLeaks()
    expect(await server.ask('SELECT COUNT(*) AS count FROM unawaited')).toEqual([{ count: 1 }])
    expect(leaks).toEqual([])
    await run(db, async (client) => void client.query('SELECT SLEEP(60)'))
    await expectNoLeaks(4_000)
    expect(leaks).toMatchObject([{ kind: 'query', action: 'cancelled' }])
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('as a stream that nobody reads costs the connection, and is reported', async () => {
    const { leaks, db } = leaky()
    await run(db, async ({ connection }) => {
      const core = connection as unknown as import('mysql2').Connection
      const stream = core.query('SELECT seq, REPEAT("a", 1000) FROM seq_1_to_100000').stream()
      await new Promise((resolve) => stream.once('readable', resolve))
    })
    await expectNoLeaks(4_000)
    expect(leaks).toMatchObject([{ kind: 'query' }])
    expect(await run(db, lookOver)).toEqual(untouched)
  })

  test('shows the 80 requests after 40 transactions and 40 sessions nothing of it', async () => {
    await server.ask('CREATE TABLE many (id int)')
    const leaks: Leak[] = []
    const db = server.pool({ connections: 4, onLeak: (leak) => leaks.push(leak) })
    const meet = barrier(4)
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      await meet()
      const seen = await lookOver(client)
      if (event % 2 === 0) {
        await client.beginTransaction()
        await client.query('INSERT INTO many VALUES (?)', [event])
      } else {
        for (const [, sql] of habits.slice(0, 10)) await client.query(sql)
        await client.query('CREATE TEMPORARY TABLE scratch (id int)')
      }
      return seen
    })
    const events = Array.from({ length: 80 }, (_, event) => event)
    const results = await invokeConcurrently(handler, events, { concurrency: 4 })
    expect(results).toEqual(events.map(() => ({ status: 'fulfilled', value: untouched })))
    await expectNoLeaks()
    expect(leaks).toHaveLength(40)
    expect(await server.ask('SELECT COUNT(*) AS count FROM many')).toEqual([{ count: 0 }])
    expect((await server.sessions()).filter(({ command }) => command !== 'Sleep')).toEqual([])
  })
})
