import { setImmediate } from 'node:timers/promises'
import { describe, expect, jest, test } from '@jest/globals'
import { type Credential, type Database, DatabaseConnectError } from 'middy-managed-instances/database'
import type { PgPoolOptions } from 'middy-managed-instances/database/pg'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { CredentialStore } from '../../middlewares/database/credentials.ts'
import { failureOf, handlerOf, testServer, until } from './support/server.ts'
import { serveTcp } from './support/tcp.ts'

jest.setTimeout(20_000)

const server = testServer()

const one = (db: Database<PoolClient, never>) =>
  handlerOf(
    db as never,
    async (db: { client(): Promise<PoolClient> }) => (await (await db.client()).query('SELECT 1 AS one')).rows,
  )

const connect = (options: Partial<PgPoolOptions>, timeout = 5_000): Promise<unknown> =>
  invoke(one(server.pool(options) as never), undefined, { timeout })

describe('a connection that can not be opened is an error with its remedy:', () => {
  const wrong: [string, Partial<PgPoolOptions>, string, string][] = [
    ['a wrong host', { config: { host: 'no-such-host.invalid' } }, 'ENOTFOUND', 'correct config.host'],
    ['a port that is none', { config: { port: 70_000 } }, '70000', 'See the cause'],
    ['the same with credentials', { config: { port: 70_000 }, credentials: 'a' }, '70000', 'See the cause'],
    ['a wrong password', { credentials: 'wrong' }, 'password authentication failed', 'correct credentials'],
    [
      'no such user',
      { credentials: { username: 'nobody', password: 'a' } },
      'password authentication failed',
      'correct credentials',
    ],
    ['no such database', { config: { database: 'missing' } }, '"missing" does not exist', 'config.database'],
    ['TLS refused', { config: { ssl: true } }, 'does not support SSL', 'Take ssl out of config'],
  ]
  test.each(wrong)('%s', async (_name, options, reason, remedy) => {
    const started = performance.now()
    const error = await failureOf(() => connect(options))
    expect(performance.now() - started).toBeLessThan(2_500)
    expect(error).toBeInstanceOf(DatabaseConnectError)
    expect(error).toMatchObject({
      code: 'DATABASE_CONNECT',
      retryable: false,
      data: { database: 'pgPool()', attempts: 1 },
    })
    expect((error as Error).message).toMatch(/^pgPool\(\): can't connect \(/)
    expect((error as Error).message).toContain(reason)
    expect((error as Error).message).toContain(remedy)
    expect((error as Error).cause).toMatchObject({ message: expect.stringContaining(reason) })
  })

  test('nothing listens there, which is tried again until the request has no more time to wait', async () => {
    const started = performance.now()
    const error = await failureOf(() => connect({ config: { port: 1 } }, 600))
    expect(performance.now() - started).toBeLessThan(600)
    expect(error).toMatchObject({
      code: 'DATABASE_CONNECT',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect((error as DatabaseConnectError).data.attempts).toBeGreaterThan(2)
    expect((error as Error).message).toContain('start the server')
  })
})

describe('a server that accepts and says nothing', () => {
  test('holds no request longer than connectTimeout and the time it has', async () => {
    const port = await serveTcp(() => {})
    const started = performance.now()
    const error = await failureOf(() => connect({ config: { port }, connectTimeout: 100, acquireTimeout: 400 }))
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('raise connectTimeout') })
  })
})

test('a failed attempt is not remembered: the next request connects', async () => {
  let password = 'wrong'
  const db = server.pool({ credentials: () => password })
  expect(await failureOf(() => invoke(one(db as never), undefined))).toMatchObject({ code: 'DATABASE_CONNECT' })
  password = server.config.password
  await expect(invoke(one(db as never), undefined)).resolves.toEqual([{ one: 1 }])
})

describe('credentials', () => {
  /** Asks for every connection of a pool at once. */
  const openAll = async (db: Database<PoolClient, never>, connections: number): Promise<void> => {
    const handler = handlerOf(db as never, async (db: { client(): Promise<PoolClient> }) =>
      (await db.client()).query('SELECT pg_sleep(0.02)'),
    )
    const results = await invokeConcurrently(handler, Array(connections).fill(undefined))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
  }

  test('from a function are asked for each connection, once for those that open together', async () => {
    let asked = 0
    const db = server.pool({
      credentials: async () => {
        asked += 1
        await setImmediate()
        return { username: 'postgres', password: server.config.password }
      },
    })
    await openAll(db as never, 4)
    expect((await db.pool).totalCount).toBe(4)
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(4)
  })

  test('of a login name the user', async () => {
    await server.ask("CREATE ROLE alice LOGIN PASSWORD 'secret'")
    const db = server.pool({ credentials: { username: 'alice', password: 'secret' } })
    const handler = handlerOf(db, async (db) => (await (await db.client()).query('SELECT current_user AS user')).rows)
    await expect(invoke(handler, undefined)).resolves.toEqual([{ user: 'alice' }])
  })

  /** A source whose value a test changes; what was fetched stays until it is refreshed. */
  const sourceOf = (fetch: () => Credential) => {
    let kept: Credential | undefined
    const counts = { refreshed: 0 }
    const source = {
      get: async () => {
        kept ??= fetch()
        return kept
      },
      peek: () => kept,
      refresh: async () => {
        counts.refreshed += 1
        await setImmediate()
        kept = fetch()
        return kept
      },
    }
    return { source, counts }
  }

  test('from a source are refreshed once when the server refuses them, and no request fails', async () => {
    await server.ask("CREATE ROLE rotated LOGIN PASSWORD 'first'")
    let current = 'first'
    const { source, counts } = sourceOf(() => ({ username: 'rotated', password: current }))
    const db = server.pool({ credentials: source, connections: 4, onError: () => {} })
    await openAll(db as never, 1)
    await server.ask("ALTER ROLE rotated PASSWORD 'second'")
    current = 'second'
    await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'")
    await until(async () => (await db.pool).totalCount === 0)
    await openAll(db as never, 16)
    expect(counts.refreshed).toBe(1)
  })

  test('are refreshed also by a source that makes new objects of them, one of which is refused late', async () => {
    const { source, counts } = sourceOf(() => 'first')
    const store = new CredentialStore('pgPool()', { ...source, get: async () => ({ password: 'first' }) }, 1_000)
    const early = await store.get()
    store.refuse(await store.get())
    store.refuse(early)
    await store.get()
    expect(counts.refreshed).toBe(1)
    // They may be right by now.
    await store.get()
    expect(counts.refreshed).toBe(1)
  })

  test('that stay refused are an error after one refresh', async () => {
    const { source, counts } = sourceOf(() => ({ username: 'postgres', password: 'wrong' }))
    const error = await failureOf(() => connect({ credentials: source }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', data: { attempts: 2 } })
    expect(counts.refreshed).toBe(1)
  })

  test('from a function that stay refused are asked for once more', async () => {
    let asked = 0
    const credentials = (): string => {
      asked += 1
      return 'wrong'
    }
    const error = await failureOf(() => connect({ credentials }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', data: { attempts: 2 } })
    expect(asked).toBe(2)
  })

  test('from a function that were refused while it was asked are asked for again, for all who wait', async () => {
    const answers: ((credential: Credential) => void)[] = []
    const ask = (): Promise<Credential> => new Promise((resolve) => answers.push(resolve))
    const store = new CredentialStore('pgPool()', ask, 1_000)
    const first = store.get()
    answers[0]?.({ password: 'old' })
    const early = await first
    const waiting = [store.get()]
    store.refuse(early)
    waiting.push(store.get())
    answers[1]?.({ password: 'old' })
    await until(async () => answers.length === 3)
    waiting.push(store.get())
    answers[2]?.({ password: 'new' })
    expect(await Promise.all(waiting)).toEqual(Array(3).fill({ password: 'new' }))
    expect(answers).toHaveLength(3)
  })

  test('that have not come when the database is closed open no connection', async () => {
    let come: (password: string) => void = () => {}
    const credentials = new Promise<string>((resolve) => {
      come = resolve
    })
    const db = server.pool({ credentials: () => credentials })
    const pool = await db.pool
    let opened = 0
    pool.on('connect', () => {
      opened += 1
    })
    const answer = failureOf(() => invoke(one(db as never), undefined))
    await until(async () => pool.totalCount === 1)
    await db.close({ deadline: Date.now() })
    come(server.config.password)
    expect(await answer).toMatchObject({ code: 'DATABASE_CLOSED' })
    await until(async () => pool.totalCount === 0)
    expect(opened).toBe(0)
  })

  test('that can not be fetched are an error with the cause', async () => {
    const cause = new Error('AccessDenied')
    const error = await failureOf(() => connect({ credentials: () => Promise.reject(cause) }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', cause, message: expect.stringContaining('AccessDenied') })
  })

  test.each([
    ['an empty list of errors', []],
    ['a list of nothing', [undefined]],
    ['errors that are no list', 2],
  ])('that fail with %s are an error with the cause', async (_name, errors) => {
    const cause = Object.assign(new Error('AccessDenied'), { errors })
    const error = await failureOf(() => connect({ credentials: () => Promise.reject(cause) }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', cause, message: expect.stringContaining('AccessDenied') })
  })

  test('that fail without a reason are an error all the same', async () => {
    const error = await failureOf(() => connect({ credentials: () => Promise.reject(undefined) }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('no reason was given') })
  })

  test.each([undefined, null, '', 0, false])('that fail with %p fail with an error', async (reason) => {
    const store = new CredentialStore('pgPool()', () => Promise.reject(reason), 1_000)
    const error = await failureOf(() => store.get())
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ message: 'pgPool(): there are no credentials: no reason was given', cause: reason })
  })

  test('that fail with a text fail with an error that has it', async () => {
    const error = await failureOf(() => connect({ credentials: () => Promise.reject('denied') }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('credentials: denied') })
  })

  test('of a function in config.password are asked for in the same way', async () => {
    const error = await failureOf(() => connect({ config: { password: () => Promise.reject() } }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('no reason was given') })
    const { password } = server.config
    await expect(connect({ config: { password: async () => password } })).resolves.toEqual([{ one: 1 }])
    const other = { config: { password: () => 'wrong' }, credentials: password }
    await expect(connect(other)).resolves.toEqual([{ one: 1 }])
  })

  test('in JSON that nobody has parsed, and those without a password, are an error that says so', async () => {
    const parsed = await failureOf(() => connect({ credentials: () => ({ user: 'a' }) as never }))
    expect((parsed as Error).message).toContain('an object with the keys user')
    expect((parsed as Error).message).toContain("{ transform: 'json' }")
    expect((parsed as Error).message).not.toContain('password:')
  })
})

test('connections are replaced after their lifetime', async () => {
  const db = server.pool({ connections: 1, maxLifetime: 0 })
  const handler = handlerOf(
    db,
    async (db) => (await (await db.client()).query('SELECT pg_backend_pid() AS pid')).rows[0].pid,
  )
  const pids = new Set<number>()
  for (let request = 0; request < 3; request++) pids.add(await invoke(handler, undefined))
  expect(pids.size).toBe(3)
})
