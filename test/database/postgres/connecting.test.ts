import { spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { DatabaseConnectError } from 'middy-managed-instances/database'
import { barrier, createContext, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { failureOf, testServer, until } from '../support/server.ts'
import { serveTcp } from '../support/tcp.ts'
import { configOf, handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'
import { over } from './support/sockets.ts'

const server = testServer()

const connect = (options: SharedOptions, timeout = 5_000): Promise<unknown> =>
  invoke(
    handlerWith(sharedOn(server, options), (sql) => sql`SELECT 1 AS one`),
    undefined,
    { timeout },
  )

describe('postgresJs()', () => {
  const wrong: [string, SharedOptions, string, string][] = [
    ['a wrong host', { config: { host: 'no-such-host.invalid' } }, 'ENOTFOUND', 'correct config.host'],
    ['a wrong password', { credentials: 'wrong' }, 'password authentication failed', 'correct credentials'],
    ['no such user', { credentials: { username: 'nobody', password: 'a' } }, 'password', 'correct credentials'],
    ['no such database', { config: { database: 'missing' } }, '"missing" does not exist', 'config.database'],
    ['TLS refused', { config: { ssl: 'require' } }, 'TLS', 'take ssl out of config'],
  ]
  test.each(wrong)(
    'fails a query with its remedy if it can not connect: %s',
    async (_name, options, reason, remedy) => {
      const started = performance.now()
      const error = await failureOf(() => connect(options))
      expect(performance.now() - started).toBeLessThan(2_500)
      expect(error).toBeInstanceOf(DatabaseConnectError)
      expect(error).toMatchObject({ retryable: false, data: { database: 'postgresJs()', attempts: 1 } })
      expect((error as Error).message).toContain(reason)
      expect((error as Error).message).toContain(remedy)
    },
  )

  test('tries again while the request has time if nothing listens', async () => {
    const started = performance.now()
    const error = await failureOf(() => connect({ config: { port: 1 } }, 600))
    expect(performance.now() - started).toBeLessThan(600)
    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining('ECONNREFUSED') })
    expect((error as DatabaseConnectError).data.attempts).toBeGreaterThan(2)
  })

  test('holds no query longer than its bounds if the server says nothing', async () => {
    const port = await serveTcp(() => {})
    const started = performance.now()
    const error = await failureOf(() => connect({ config: { port }, connectTimeout: 100, acquireTimeout: 400 }))
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('security group') })
  })

  test('opens no more connections than its share, and says so when one waits in vain', async () => {
    const db = sharedOn(server, { connections: 2, acquireTimeout: 100 })
    const meet = barrier(2)
    const holds = handlerWith(db, (sql) =>
      sql.begin(async (transaction) => {
        await transaction`SELECT 1`
        await meet()
        const error = await failureOf(() => sql`SELECT 1`)
        await meet()
        return error
      }),
    )
    for (const result of await invokeConcurrently(holds, [1, 2]))
      expect(result).toMatchObject({ value: { code: 'DATABASE_BUSY', data: { lent: 2, connections: 2 } } })
    expect(await server.sessions()).toHaveLength(2)
  })

  test('asks for credentials once for all that connect at the same time', async () => {
    let asked = 0
    const { user: username, password } = server.config
    const credentials = async () => {
      asked += 1
      return { username, password }
    }
    const db = sharedOn(server, { credentials, config: { user: 'nobody', password: 'wrong' } })
    const meet = barrier(4)
    const handler = handlerWith(db, (sql) => sql.begin(meet))
    await invokeConcurrently(handler, [1, 2, 3, 4])
    expect(await server.sessions()).toHaveLength(4)
    expect(asked).toBe(1)
  })

  test('asks for them again if the server refuses them, and connects once more', async () => {
    const passwords = ['wrong', server.config.password]
    await expect(connect({ credentials: () => passwords.shift() ?? 'asked too often' })).resolves.toMatchObject([
      { one: 1 },
    ])
    expect(passwords).toEqual([])
  })

  test('lets a function for a password fail a query, not the worker', async () => {
    const password = (): string => {
      throw new RangeError('no password today')
    }
    expect(await failureOf(() => connect({ config: { password } }))).toMatchObject({
      cause: { message: 'no password today' },
    })
  })

  test('replaces connections after their lifetime, and tells of an idle one that is lost', async () => {
    const errors: Error[] = []
    const db = sharedOn(server, { connections: 1, maxLifetime: 0, onError: (error) => errors.push(error) })
    const handler = handlerWith(db, (sql) => sql`SELECT pg_backend_pid() AS pid`)
    const pids = new Set(
      [await invoke(handler, undefined), await invoke(handler, undefined)].map(([row]) => row?.['pid']),
    )
    expect(pids.size).toBe(2)
    expect(errors).toEqual([])
    const lasting = sharedOn(server, { connections: 1, onError: (error) => errors.push(error) })
    await invoke(
      handlerWith(lasting, (sql) => sql`SELECT 1`),
      undefined,
    )
    await server.ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool-under-test'",
    )
    await until(async () => errors.length === 1)
    await expect(
      invoke(
        handlerWith(lasting, (sql) => sql`SELECT 1 AS one`),
        undefined,
      ),
    ).resolves.toMatchObject([{ one: 1 }])
  })

  test('closes within its deadline with a query running, which ends on the server', async () => {
    const db = sharedOn(server)
    const failing = invoke(
      handlerWith(db, (sql) => sql`SELECT pg_sleep(60)`),
      undefined,
    )
    const failed = expect(failing).rejects.toBeDefined()
    await until(async () => (await server.sessions()).some(({ query }) => query.includes('pg_sleep')))
    const started = performance.now()
    await db.close({ deadline: Date.now() + 200 })
    expect(performance.now() - started).toBeLessThan(500)
    await failed
    await until(async () => (await server.sessions()).length === 0, 1_000)
  })

  test('breaks off a socket whose other end is gone and says nothing any more', async () => {
    const sockets: Socket[] = []
    const config = over(server, (socket) => sockets.push(socket))
    const db = sharedOn(server, { connections: 1, config, onLeak: () => {} })
    const [socket, failed] = await invoke(
      handlerWith(db, async (sql) => {
        await sql`SELECT 1`
        const [socket] = sockets as [Socket]
        socket.pause()
        socket.end = () => socket
        return [socket, failureOf(() => sql`SELECT 1`)] as const
      }),
      undefined,
    )
    await db.close({ deadline: Date.now() })
    await failed
    await until(async () => socket.destroyed, 2_000)
  })
})

test('a pool of postgres.js by itself ends the process when a connection is killed in begin(): what we keep it from', () => {
  const file = resolve(import.meta.dirname, 'fixtures/killed.mjs')
  const { status, stderr } = spawnSync(process.execPath, [file], {
    env: { ...process.env, SERVER: JSON.stringify(configOf(server)) },
    encoding: 'utf8',
    timeout: 10_000,
  })
  expect(stderr).toContain("Cannot read properties of null (reading 'write')")
  expect(status).toBe(1)
})

const tls = spawnSync('openssl', ['version']).status === 0 ? describe : describe.skip

tls('postgresJs() over TLS', () => {
  const secure = testServer({ tls: true })
  const trusting = (ca = secure.postgres.certificate) => ({ config: { host: 'localhost', ssl: { ca } } })

  test('connects with a certificate that is checked, and cancels', async () => {
    const db = sharedOn(secure, { connections: 1, ...trusting() })
    const look = handlerWith(db, async (sql) => [
      ...(await sql`SELECT ssl, pid FROM pg_stat_ssl WHERE pid = pg_backend_pid()`),
    ])
    const before = await invoke(look, undefined)
    expect(before).toMatchObject([{ ssl: true }])
    const failing = invoke(
      handlerWith(db, (sql) => sql`SELECT pg_sleep(60)`),
      undefined,
      { context: createContext({ getRemainingTimeInMillis: () => 200 }) },
    )
    await expect(failing).rejects.toThrow('aborted')
    await until(async () => (await secure.sessions()).every(({ state }) => state === 'idle'), 1_000)
    await expectNoLeaks()
    await expect(invoke(look, undefined)).resolves.toEqual(before)
  })

  test.each([
    ['answered', 'SELECT pg_sleep(0.3)', 0],
    ['failed of a timeout', 'SELECT pg_sleep(60)', 300],
  ])(
    'replaces a connection whose query %s before its cancellation arrived, and calls it no leak',
    async (_name, text, statement_timeout) => {
      const leaks: unknown[] = []
      const sockets: Socket[] = []
      const config = over(secure, (socket) => {
        // The cancellation's, on which nothing is sent.
        if (sockets.push(socket) === 2) socket.write = () => true
      })
      const onLeak = (leak: unknown): void => void leaks.push(leak)
      const connection = { application_name: 'pool-under-test', statement_timeout }
      const db = sharedOn(secure, { connections: 1, config: { ...config, connection, ssl: 'require' }, onLeak })
      const look = handlerWith(db, async (sql) => (await sql`SELECT pg_backend_pid() AS pid`)[0]?.['pid'])
      const before = await invoke(look, undefined)
      const outrun = handlerWith(db, async (sql) => {
        const query = sql.unsafe(text).execute()
        await until(async () => (await secure.sessions()).some(({ state }) => state === 'active'))
        query.cancel()
        await query.catch(() => {})
      })
      await invoke(outrun, undefined)
      await expectNoLeaks()
      await expect(invoke(look, undefined)).resolves.not.toBe(before)
      expect(leaks).toEqual([])
      expect(sockets).toHaveLength(3)
      sockets[1]?.destroy()
    },
  )

  test('refuses a certificate nobody has signed, and says what to give', async () => {
    const db = sharedOn(secure, { config: { host: 'localhost', ssl: 'verify-full' } })
    const error = await failureOf(() =>
      invoke(
        handlerWith(db, (sql) => sql`SELECT 1`),
        undefined,
      ),
    )
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false })
    expect((error as Error).message).toContain('config.ssl.ca')
  })
})
