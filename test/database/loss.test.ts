import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { barrier, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { endsSession } from '../../middlewares/database/pg/diagnosis.ts'
import { handlerOf, testServer, until } from './support/server.ts'

jest.setTimeout(30_000)

const server = testServer()
const fatal: unknown[] = []
const note = (error: unknown): void => void fatal.push(error)

beforeEach(() => {
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterEach(() => {
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(fatal.splice(0)).toEqual([])
})

const killAll = (): Promise<unknown> =>
  server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool-under-test'")

const events = Array.from({ length: 64 }, (_, event) => event)

describe('when every connection is killed', () => {
  test('while 64 requests query, all are answered and the next 64 are right', async () => {
    const db = server.pool({ connections: 16, onError: () => {} })
    const slow = handlerOf(
      db,
      async (db, _event: number) => (await (await db.client()).query('SELECT pg_sleep(0.3)')).rowCount,
    )
    const answers = invokeConcurrently(slow, events)
    await until(async () => (await server.sessions()).filter(({ state }) => state === 'active').length === 16)
    await killAll()
    const results = await answers
    expect(results).toHaveLength(64)
    const failed = results.filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.length).toBeLessThanOrEqual(16)
    const quick = handlerOf(
      db,
      async (db, event: number) => (await (await db.client()).query('SELECT $1::int AS event', [event])).rows[0].event,
    )
    await expect(invokeConcurrently(quick, events)).resolves.toEqual(
      events.map((value) => ({ status: 'fulfilled', value })),
    )
  })

  test('between two queries of a request, the second fails and no other request notices', async () => {
    const db = server.pool({ connections: 2, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const lost = new Promise((resolve) => client.once('end', () => resolve(undefined)))
      await client.query('SELECT 1')
      await meet()
      await lost
      return client.query('SELECT 1')
    })
    const answer = invoke(handler, undefined)
    await meet()
    await killAll()
    await expect(answer).rejects.toThrow(/not queryable|terminat/)
    await expect(
      invoke(
        handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows),
        undefined,
      ),
    ).resolves.toEqual([{ one: 1 }])
  })

  test('while they are idle, onError is told and the next requests are right', async () => {
    const errors: Error[] = []
    const db = server.pool({ connections: 4, onError: (error) => errors.push(error) })
    const handler = handlerOf(
      db,
      async (db, _event: number) => (await (await db.client()).query('SELECT pg_sleep(0.01)')).rowCount,
    )
    await invokeConcurrently(handler, events.slice(0, 4))
    await killAll()
    await until(async () => errors.length === 4)
    const results = await invokeConcurrently(handler, events)
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
  })

  test('listeners of the request hear of it', async () => {
    const db = server.pool({ connections: 1, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const heard = new Promise((resolve) => client.once('error', resolve))
      await meet()
      return ((await heard) as Error).message
    })
    const answer = invoke(handler, undefined)
    await meet()
    await killAll()
    await expect(answer).resolves.toMatch(/terminat/)
  })
})

/** What one request and the next are told in a process of their own, which an unhandled rejection ends. */
const toldIn = async (scenario: string): Promise<unknown> => {
  const script = join(import.meta.dirname, 'fixtures/losses.mjs')
  const how = ['--no-warnings', '--conditions=middy-managed-instances/source', script, scenario]
  const env = { ...process.env, SERVER: JSON.stringify(server.config) }
  const { stdout } = await promisify(execFile)(process.execPath, how, { env, timeout: 15_000 })
  return JSON.parse(stdout)
}

describe('a worker survives', () => {
  test.each([
    ['a query that is not awaited yet, on a session the server ends', 'terminated', 'terminating connection'],
    ['the same on a socket that fails', 'failed', 'ECONNRESET'],
    ['the same on a socket that closes', 'closed', 'Connection terminated'],
    ['a query that is sent after the loss and not awaited yet', 'late', 'not queryable'],
  ])('%s, and who awaits it is told', async (_name, scenario, message) => {
    expect(await toldIn(scenario)).toEqual([expect.stringContaining(message), 1])
  })

  test('a query of a listener that is lost with its new connection', async () => {
    expect(await toldIn('listener')).toEqual([1, 1])
  })

  test('query objects without a listener', async () => {
    expect(await toldIn('object')).toEqual(['went on', 1])
  })

  test('a query object without a listener that is used after its request', async () => {
    expect(await toldIn('zombie')).toEqual(['ended', 1])
  })

  test('what is not of a loss as it would without us: it dies of a failure nobody awaits', async () => {
    await expect(toldIn('mistake')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('"nonsense"') })
  })
})

test.each([
  [true, { severity: 'FATAL', code: '99999' }],
  [true, { severity: 'PANIC' }],
  [true, { severity: 'ВАЖНО', code: '57P01' }],
  [false, { severity: 'ERROR', code: '57014' }],
  [false, {}],
])('that a session ends is %p of %p', (ends, message) => {
  expect(endsSession(message)).toBe(ends)
})
