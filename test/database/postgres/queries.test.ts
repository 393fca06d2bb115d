import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { createContext, invoke } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { collectGarbage } from '../../testing/collector.ts'
import { failureOf, testServer, until } from '../support/server.ts'
import { configOf, handlerWith, sharedOn } from './support/shared.ts'

const server = testServer()

/** What a process tells whose errors nobody keeps from ending it. */
const toldBy = async (fixture: string): Promise<unknown[]> => {
  const file = join(import.meta.dirname, 'fixtures', fixture)
  const how = ['--no-warnings', '--conditions=middy-managed-instances/source', file]
  const env = { ...process.env, SERVER: JSON.stringify(configOf(server)) }
  const { stdout } = await promisify(execFile)(process.execPath, how, { env, timeout: 15_000 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('a loss ends no worker whose handler has not awaited a query yet', async () => {
  await expect(toldBy('unawaited.mts')).resolves.toEqual([
    { told: Array(3).fill('CONNECTION_CLOSED'), next: [{ one: 1 }] },
  ])
}, 20_000)

test('a handler that goes on with a cursor after its request has timed out ends no worker', async () => {
  const lines = await toldBy('cursors.mts')
  expect(lines).toHaveLength(5)
  for (const line of lines) expect(line).toMatchObject({ told: expect.stringContaining('aborted'), next: [{ one: 1 }] })
}, 20_000)

describe('a callback of a cursor', () => {
  const inRequest = <R>(work: (sql: postgres.Sql) => R): Promise<Awaited<R>> =>
    invoke(handlerWith(sharedOn(server, { connections: 1 }), work), undefined)

  test('is waited for with the last rows too', async () => {
    const read: number[] = []
    await inRequest((sql) =>
      sql`SELECT n::int FROM generate_series(1, 5) n`.cursor(2, async (rows) => {
        await setImmediate()
        read.push(...rows.map(({ n }) => n))
      }),
    )
    expect(read).toEqual([1, 2, 3, 4, 5])
  })

  test.each([2, 5])('that fails at row %p of 5 fails the query, and the connection serves on', async (bad) => {
    await inRequest(async (sql) => {
      const failing = sql`SELECT n::int FROM generate_series(1, 5) n`.cursor(2, async (rows) => {
        await setImmediate()
        if (rows.some(({ n }) => n === bad)) throw new RangeError(`bad row ${bad}`)
      })
      expect(await failureOf(() => failing)).toMatchObject({ message: `bad row ${bad}` })
      await expect(sql`SELECT 1 AS one`).resolves.toMatchObject([{ one: 1 }])
    })
  })
})

describe('a query that fails after some of its rows', () => {
  const failing = (sql: postgres.ISql): unknown => sql`SELECT 10 / (5 - n) FROM generate_series(1, 10) n`
  const one = async (sql: postgres.ISql): Promise<unknown> => [...(await sql`SELECT 1 AS one`)]

  test('leaves none for the next one', async () => {
    const handler = handlerWith(sharedOn(server, { connections: 1 }), async (sql) => {
      expect(await failureOf(() => failing(sql))).toMatchObject({ code: '22012' })
      return one(sql)
    })
    for (let request = 0; request < 3; request++)
      await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
    expect(await server.sessions()).toHaveLength(1)
  })

  test('leaves none for the next request, if it was cancelled', async () => {
    const db = sharedOn(server, { connections: 1, reset: 'off' })
    const endless = handlerWith(db, (sql) => sql`SELECT n, pg_sleep(n / 1000) FROM generate_series(1, 100000) n`)
    const context = createContext({ getRemainingTimeInMillis: () => 200 })
    await expect(invoke(endless, undefined, { context })).rejects.toThrow('aborted')
    await expect(invoke(handlerWith(db, one), undefined)).resolves.toEqual([{ one: 1 }])
    expect(await server.sessions()).toHaveLength(1)
  })

  test('leaves none in a transaction', async () => {
    const read: unknown[] = []
    const handler = handlerWith(sharedOn(server, { connections: 1 }), async (sql) => {
      const transaction = sql.begin(async (sql) => {
        expect(await failureOf(() => sql.savepoint(failing))).toMatchObject({ code: '22012' })
        read.push(await one(sql))
        const stopped = sql`SELECT n FROM generate_series(1, 10) n`.cursor(2, () => {
          throw new RangeError('enough')
        })
        expect(await failureOf(() => stopped)).toMatchObject({ message: 'enough' })
        read.push(await one(sql))
      })
      await expect(transaction).rejects.toThrow()
      read.push(await one(sql))
    })
    await invoke(handler, undefined)
    expect(read).toEqual(Array(3).fill([{ one: 1 }]))
  })

  test('costs nothing of a transaction that it was left in', async () => {
    const leaks: Leak[] = []
    const db = sharedOn(server, { connections: 1, onLeak: (leak) => leaks.push(leak) })
    const handler = handlerWith(db, async (sql) => {
      await sql`START TRANSACTION`
      return one(sql)
    })
    await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
    expect(leaks).toMatchObject([{ action: 'rolledBack' }])
  })
})

describe('a query that fails on its own, not on the server,', () => {
  const types = {
    bad: {
      to: 20,
      from: [20],
      serialize: String,
      parse: (text: string) => {
        if (Number(text) % 4 === 0) throw new RangeError(`bad ${text}`)
        return Number(text)
      },
    },
  }
  const numbers = (sql: postgres.ISql) => sql`SELECT n::int8 FROM generate_series(1, 20) n`
  const failing: [string, (sql: postgres.Sql) => unknown][] = [
    ['a query', numbers],
    [
      'a cursor',
      async (sql) => {
        for await (const _ of numbers(sql).cursor(10));
      },
    ],
    ['a cursor with a callback', (sql) => numbers(sql).cursor(10, () => {})],
    ['a cursor in a transaction', (sql) => sql.begin((sql) => numbers(sql).cursor(10, () => {}))],
    [
      'a cursor that the server fails as well',
      (sql) => sql`SELECT n::int8, 1 / (9 - n) FROM generate_series(1, 20) n`.cursor(10, () => {}),
    ],
  ]

  test.each(failing)('costs the next requests none of their answers: %s', async (_name, work) => {
    const db = sharedOn(server, { connections: 1, config: { types } as object })
    await expect(invoke(handlerWith(db, work), undefined)).rejects.toThrow()
    for (const who of ['a', 'b', 'c']) {
      const handler = handlerWith(db, async (sql) => [...(await sql`SELECT ${who} AS who`)])
      await expect(invoke(handler, undefined)).resolves.toEqual([{ who }])
    }
  })
})

test('a COPY whose rows are left before the end keeps nobody waiting', async () => {
  const db = sharedOn(server, { connections: 1 })
  const leaves = handlerWith(db, async (sql) => {
    const rows = await sql`COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000)) TO STDOUT`.readable()
    for await (const _ of rows) break
  })
  await invoke(leaves, undefined)
  const next = handlerWith(db, async (sql) => [...(await sql`SELECT 1 AS one`)])
  for (let request = 0; request < 3; request++) await expect(invoke(next, undefined)).resolves.toEqual([{ one: 1 }])
})

test('a transaction that fails of another service keeps its connection', async () => {
  const db = sharedOn(server, { connections: 1 })
  const fails = handlerWith(db, (sql) =>
    sql.begin(async (sql) => {
      await sql`SELECT 1`
      throw Object.assign(new Error('Redis is away'), { code: 'ECONNREFUSED' })
    }),
  )
  const pidOf = handlerWith(db, async (sql) => (await sql`SELECT pg_backend_pid() AS pid`)[0]?.['pid'])
  const before = await invoke(pidOf, undefined)
  await expect(invoke(fails, undefined)).rejects.toThrow('Redis is away')
  await expect(invoke(pidOf, undefined)).resolves.toBe(before)
})

// On Node.js 22 promises keep the context they were made in: a connection has those of its last requests.
const onContextFrames = process.versions.node.startsWith('22.') ? test.skip : test

onContextFrames('neither a query nor a transaction keeps what its request had', async () => {
  const db = sharedOn(server, { connections: 1 })
  // The first transaction of all leaves where it was made in postgres.js.
  const transact = handlerWith(db, (sql) => sql.begin((sql) => sql`SELECT 1`))
  await invoke(transact, undefined)
  let kept: WeakRef<object> | undefined
  const handler = handlerWith(db, async (sql, context) => {
    kept = new WeakRef(context)
    await sql`SELECT 'first made here'`
    await sql.begin((sql) => sql`SELECT 'and here'`)
  })
  await invoke(handler, undefined)
  await invoke(
    handlerWith(db, (sql) => sql`SELECT 1`),
    undefined,
  )
  await until(async () => {
    collectGarbage()
    return kept?.deref() === undefined
  })
})
