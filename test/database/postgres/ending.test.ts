import type { Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { createContext, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { collectGarbage } from '../../testing/collector.ts'
import { failureOf, testServer, until } from '../support/server.ts'
import { handlerWith, sharedOn } from './support/shared.ts'
import { betweenErrorAndClose, over } from './support/sockets.ts'

const server = testServer()

const brief = () => createContext({ getRemainingTimeInMillis: () => 200 })

const quiet = (): Promise<void> =>
  until(async () => (await server.sessions()).every(({ state }) => state === 'idle'), 1_000)

const isRunning = async (text: string): Promise<boolean> =>
  (await server.sessions()).some(({ query, state }) => query.includes(text) && state === 'active')

const pidOf = async (sql: postgres.ISql): Promise<unknown> => (await sql`SELECT pg_backend_pid() AS pid`)[0]?.['pid']

test('a transaction whose connection is lost is forgotten, with its result', async () => {
  let result: WeakRef<object> | undefined
  const handler = handlerWith(sharedOn(server), (sql) =>
    sql.begin(async (sql) => {
      const made = {}
      result = new WeakRef(made)
      await server.ask(`SELECT pg_terminate_backend(${await pidOf(sql)})`)
      await failureOf(() => sql`SELECT 1`)
      return made
    }),
  )
  await expect(invoke(handler, undefined)).rejects.toThrow()
  await until(async () => {
    collectGarbage()
    return result?.deref() === undefined
  })
})

test('a connection that is lost between two queries of a transaction is not opened again to be reset', async () => {
  const db = sharedOn(server, { reset: 'always' })
  const failing = invoke(
    handlerWith(db, (sql) =>
      sql.begin(async (sql) => {
        await server.ask(`SELECT pg_terminate_backend(${await pidOf(sql)}, 5000)`)
        return new Promise(() => {})
      }),
    ),
    undefined,
  )
  await expect(failing).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  await expectNoLeaks()
  await db.close()
  expect(await server.sessions()).toEqual([])
})

test('a query of a transaction fails if it is sent between the error of a socket and its close', async () => {
  const sockets: Socket[] = []
  const failed = Promise.withResolvers<unknown>()
  const db = sharedOn(server, { config: over(server, (socket) => sockets.push(socket)) })
  const handler = handlerWith(db, (sql) =>
    sql.begin(async (sql) => {
      await sql`SELECT 1`
      failed.resolve(await betweenErrorAndClose(sockets[0], () => failureOf(() => sql`SELECT 2`)))
    }),
  )
  await expect(invoke(handler, undefined)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  await expect(failed.promise).resolves.toMatchObject({ code: 'CONNECTION_DESTROYED' })
})

describe('after its request has ended', () => {
  test('no use of a handle gets anywhere, a transaction and a fragment included', async () => {
    const db = sharedOn(server)
    let kept: postgres.Sql | undefined
    let made: PromiseLike<unknown> | undefined
    await invoke(
      handlerWith(db, async (sql) => {
        kept = sql
        made = sql`SELECT 1`
        return pidOf(sql)
      }),
      undefined,
    )
    const sql = kept as postgres.Sql
    const uses = [
      () => sql`SELECT 1`,
      () => sql.unsafe('SELECT 1'),
      () => sql.begin(() => 1),
      () => sql.notify('a', 'b'),
      () => sql.listen('a', () => {}),
      () => sql`SELECT 1`.cursor()[Symbol.asyncIterator]().next(),
      () => made,
    ]
    for (const use of uses) expect(await failureOf(use)).toMatchObject({ code: 'REQUEST_ENDED' })
    // Not awaited by anybody either.
    sql`SELECT 1`.execute()
    void sql.begin(() => 1)
    await new Promise(setImmediate)
  })

  test('a query that runs past the deadline is cancelled, and its connection serves on', async () => {
    const db = sharedOn(server, { connections: 1 })
    const pid = await invoke(handlerWith(db, pidOf), undefined)
    const failing = invoke(
      handlerWith(db, (sql) => sql`SELECT pg_sleep(60)`),
      undefined,
      { context: brief() },
    )
    await expect(failing).rejects.toThrow('aborted')
    await quiet()
    await expect(invoke(handlerWith(db, pidOf), undefined)).resolves.toBe(pid)
  })

  test('what waits for a connection waits no more', async () => {
    const db = sharedOn(server, { connections: 1 })
    const release = Promise.withResolvers<void>()
    const holding = invoke(
      handlerWith(db, (sql) => sql.begin(() => release.promise)),
      undefined,
    )
    const waiting = invoke(
      handlerWith(db, (sql) => sql`SELECT 1`),
      undefined,
      { context: brief() },
    )
    await expect(waiting).rejects.toMatchObject({ code: 'DATABASE_BUSY' })
    release.resolve()
    await holding
    await expect(invoke(handlerWith(db, pidOf), undefined)).resolves.toEqual(expect.any(Number))
  })

  test('a transaction whose callback never returns is rolled back, and its connection kept', async () => {
    const db = sharedOn(server, { connections: 1 })
    await server.ask('CREATE TABLE abandoned (id int)')
    const pid = await invoke(handlerWith(db, pidOf), undefined)
    const zombie = Promise.withResolvers<postgres.TransactionSql>()
    const failing = invoke(
      handlerWith(db, (sql) =>
        sql.begin(async (sql) => {
          await sql`INSERT INTO abandoned VALUES (1)`
          zombie.resolve(sql)
          return new Promise(() => {})
        }),
      ),
      undefined,
      { context: brief() },
    )
    await expect(failing).rejects.toThrow('aborted')
    await quiet()
    await expect(invoke(handlerWith(db, pidOf), undefined)).resolves.toBe(pid)
    const sql = await zombie.promise
    expect(await failureOf(() => sql`INSERT INTO abandoned VALUES (2)`)).toMatchObject({ code: 'REQUEST_ENDED' })
    expect(await failureOf(() => sql.savepoint(() => 1))).toMatchObject({ code: 'REQUEST_ENDED' })
    expect(await server.ask('SELECT * FROM abandoned')).toEqual([])
  })

  test('a savepoint of a zombie can not reach into the transaction of another request', async () => {
    const db = sharedOn(server, { connections: 1, onLeak: () => {} })
    await server.ask('CREATE TABLE reached (id int)')
    const wake = Promise.withResolvers<void>()
    const failing = invoke(
      handlerWith(db, (sql) =>
        sql.begin((sql) =>
          sql.savepoint(async () => {
            await wake.promise
            throw new Error('postgres.js answers this with ROLLBACK TO s0')
          }),
        ),
      ),
      undefined,
      { context: brief() },
    )
    await expect(failing).rejects.toThrow('aborted')
    await quiet()
    const next = handlerWith(db, (sql) =>
      sql.begin((sql) =>
        sql.savepoint(async (sql) => {
          await sql`INSERT INTO reached VALUES (1)`
          wake.resolve()
          await new Promise(setImmediate)
          await sql`INSERT INTO reached VALUES (2)`
        }),
      ),
    )
    await invoke(next, undefined)
    expect(await server.ask('SELECT id FROM reached ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('a cursor that nobody goes on with takes its connection with it', async () => {
    const db = sharedOn(server, { connections: 1, onLeak: () => {} })
    const cursor = Promise.withResolvers<AsyncIterator<unknown>>()
    const failing = invoke(
      handlerWith(db, async (sql) => {
        const steps = sql`SELECT generate_series(1, 1000)`.cursor(1)[Symbol.asyncIterator]()
        await steps.next()
        cursor.resolve(steps)
        return new Promise(() => {})
      }),
      undefined,
      { context: brief() },
    )
    await expect(failing).rejects.toThrow('aborted')
    await expect(invoke(handlerWith(db, pidOf), undefined)).resolves.toEqual(expect.any(Number))
    const steps = await cursor.promise
    expect(await failureOf(() => steps.next())).toMatchObject({ code: 'CONNECTION_DESTROYED' })
  })
})

describe('what a request has not awaited', () => {
  test('is cancelled and reported: a query', async () => {
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    await invoke(
      handlerWith(db, async (sql) => {
        void sql`SELECT pg_sleep(60)`.execute()
        await until(() => isRunning('pg_sleep'))
      }),
      undefined,
    )
    await expectNoLeaks()
    expect(leaks).toMatchObject([{ database: 'postgresJs()', kind: 'query', action: 'cancelled', outcome: 'returned' }])
  })

  test('is rolled back and reported: a transaction', async () => {
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    await invoke(
      handlerWith(db, async (sql) => {
        const begun = Promise.withResolvers<void>()
        void sql.begin(async (sql) => {
          await sql`SELECT 1`
          begun.resolve()
          return new Promise(() => {})
        })
        await begun.promise
      }),
      undefined,
    )
    await expectNoLeaks()
    expect(leaks).toMatchObject([{ kind: 'transaction', action: 'rolledBack', outcome: 'returned' }])
  })

  test.each([
    ['is let go if it ends soon: a COMMIT', 'commit', 0.1, []],
    ['is let go if it ends soon: the last query of a transaction', 'INSERT', 0.1, []],
    ['is broken off and reported if it does not: a COMMIT', 'commit', 60, [{ kind: 'query', action: 'destroyed' }]],
  ])('%s', async (_name, running, seconds, told) => {
    await server.ask(`
      CREATE OR REPLACE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(${seconds}); RETURN NULL; END';
      DROP TABLE IF EXISTS deferred; CREATE TABLE deferred (id int);
      CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pause()`)
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    await invoke(
      handlerWith(db, async (sql) => {
        void sql.begin((sql) => sql`INSERT INTO deferred SELECT 1 FROM pg_sleep(0.1)`)
        await until(() => isRunning(running))
      }),
      undefined,
    )
    await expectNoLeaks(3_000)
    expect(leaks).toMatchObject(told)
    expect(await server.ask('SELECT id FROM deferred')).toHaveLength(1 - leaks.length)
    await server.ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query = 'commit'",
    )
  })

  test('is let go if it ends soon', async () => {
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    await server.ask('CREATE TABLE soon (id int)')
    await invoke(
      handlerWith(db, async (sql) => {
        void sql`INSERT INTO soon VALUES (1)`.execute()
        await until(async () => (await server.sessions()).length === 1)
      }),
      undefined,
    )
    await expectNoLeaks()
    expect(leaks).toEqual([])
  })
})

describe('a session', () => {
  test('is as good as new for the next query, whatever one has left in it', async () => {
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    await invoke(
      handlerWith(db, async (sql) => {
        await sql`SET search_path TO elsewhere`
        await sql.begin((sql) => sql`SELECT set_config('work_mem', '5MB', false)`)
        await sql`START TRANSACTION`
        expect(await failureOf(() => sql`BEGIN`)).toMatchObject({ code: 'UNSAFE_TRANSACTION' })
        await expect(
          sql`SELECT current_setting('search_path') AS path, current_setting('work_mem') AS memory, pg_current_xact_id_if_assigned()::text AS transaction`,
        ).resolves.toMatchObject([{ path: '"$user", public', memory: '4MB', transaction: null }])
      }),
      undefined,
    )
    expect(leaks).toMatchObject([
      { kind: 'transaction', action: 'rolledBack' },
      { kind: 'transaction', action: 'rolledBack' },
    ])
  })

  test('is left alone with reset: off', async () => {
    const db = sharedOn(server, { connections: 1, reset: 'off' })
    await invoke(
      handlerWith(db, async (sql) => {
        await sql`SET search_path TO elsewhere`
        await expect(sql`SHOW search_path`).resolves.toMatchObject([{ search_path: 'elsewhere' }])
      }),
      undefined,
    )
  })
})
