import { expect, jest, test } from '@jest/globals'
import { type Database, DatabaseConnectError } from 'middy-managed-instances/database'
import type { MysqlPoolOptions } from 'middy-managed-instances/database/mysql2'
import { barrier, invoke } from 'middy-managed-instances/testing'
import type { PoolConnection } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { scriptedMysql } from '../support/scripted-mysql.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'

jest.setTimeout(20_000)

const one = (db: Database<PoolConnection>) =>
  handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one'))[0])

onMariaDb('a connection of mysqlPool()', () => {
  const server = mysqlServer()

  const connect = (options: Partial<MysqlPoolOptions>, timeout = 5_000): Promise<unknown> =>
    invoke(one(server.pool(options)), undefined, { timeout })

  const wrong: [string, Partial<MysqlPoolOptions>, string, string][] = [
    ['to a wrong host', { config: { host: 'no-such-host.invalid' } }, 'ENOTFOUND', 'correct config.host'],
    ['to a port that is none', { config: { port: 70_000 } }, '70000', 'Correct config.port'],
    ['with a wrong password', { credentials: 'wrong' }, 'Access denied', 'correct credentials'],
    ['without a password', { config: { password: '' } }, 'using password: NO', 'correct credentials'],
    ['as no such user', { credentials: { username: 'nobody', password: 'a' } }, 'Access denied', 'correct credentials'],
    ['to no such database', { config: { database: 'missing' } }, "'missing'", 'config.database'],
    ['by TLS where there is none', { config: { ssl: {} } }, 'not support secure', 'Take ssl out of config'],
  ]
  test.each(wrong)('%s is an error with its remedy', async (_name, options, reason, remedy) => {
    const started = performance.now()
    const error = (await failureOf(() => connect(options))) as DatabaseConnectError
    expect(performance.now() - started).toBeLessThan(2_500)
    expect(error).toBeInstanceOf(DatabaseConnectError)
    expect(error).toMatchObject({
      code: 'DATABASE_CONNECT',
      retryable: false,
      data: { database: 'mysqlPool()', attempts: 1 },
    })
    expect(error.message).toMatch(/^mysqlPool\(\): can't connect \(/)
    expect(error.message).toContain(reason)
    expect(error.message).toContain(remedy)
    expect(error.cause).toMatchObject({ message: expect.stringContaining(reason) })
  })

  test('to a database that is not the user’s to use is an error with its remedy', async () => {
    await server.ask("CREATE DATABASE private; CREATE USER stranger IDENTIFIED BY 'secret'")
    const credentials = { username: 'stranger', password: 'secret' }
    const error = await failureOf(() => connect({ credentials, config: { database: 'private' } }))
    expect(error).toMatchObject({ retryable: false, message: expect.stringContaining('Grant the user the right') })
  })

  test('to where nothing listens is tried again until the request has no more time to wait', async () => {
    const started = performance.now()
    const error = (await failureOf(() => connect({ config: { port: 1 } }, 600))) as DatabaseConnectError
    expect(performance.now() - started).toBeLessThan(600)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: true })
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.message).toContain('start the server')
    expect(error.data.attempts).toBeGreaterThan(2)
  })

  const unusable: [string, (core: PoolConnection['connection']) => void, string, string, boolean][] = [
    [
      'leaves a transaction open',
      (core) => void core.query('START TRANSACTION'),
      'a transaction',
      'Have it end',
      false,
    ],
    ['runs something long', (core) => void core.query('SELECT SLEEP(0.5)'), 'within 300 ms', 'long on it', true],
    ['destroys it', (core) => core.destroy(), 'was lost', 'what the listener does', true],
  ]
  test.each(unusable)(
    'that a listener %s on is an error with its remedy',
    async (_name, listen, reason, remedy, passes) => {
      const db = server.pool({ connections: 1, connectTimeout: 300 })
      let opened = 0
      ;(await db.pool).on('connection', (connection) => {
        opened += 1
        listen(connection as unknown as PoolConnection['connection'])
      })
      for (const request of [1, 2]) {
        const error = await failureOf(() => invoke(one(db), undefined, { timeout: 1_000 }))
        expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: passes })
        expect((error as Error).message).toContain(reason)
        expect((error as Error).message).toContain(remedy)
        expect(opened).toBeLessThanOrEqual(request * (passes ? 15 : 1))
      }
    },
  )

  test('to a server that says nothing takes no longer than connectTimeout and the time of the request', async () => {
    const port = await scriptedMysql(() => {})
    const started = performance.now()
    const error = await failureOf(() => connect({ config: { port }, connectTimeout: 100, acquireTimeout: 400 }))
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('raise connectTimeout') })
  })

  test('that the server hangs up on is tried again', async () => {
    let asked = 0
    const port = await scriptedMysql(async (wire) => {
      asked += 1
      if (asked < 3) return wire.hangUp()
      wire.greet(false)
      await wire.next()
      wire.ok()
      await wire.refuseQueries()
    })
    const error = await failureOf(() => connect({ config: { port } }))
    expect(error).toMatchObject({ code: 'ER_PARSE_ERROR' })
    expect(asked).toBe(3)
  })

  test.each([
    ['for want of a place', 1040, 'before', 'Too many connections'],
    ['for want of a place for its user', 1203, 'after', 'has already more than'],
    ['by a server that is shutting down', 1053, 'after', 'Server shutdown in progress'],
  ])('that is refused %s is tried again', async (_name, code, when, message) => {
    let asked = 0
    const port = await scriptedMysql(async (wire) => {
      asked += 1
      if (asked < 3 && when === 'before') return wire.fail(code, message)
      wire.greet(false)
      await wire.next()
      if (asked < 3) return wire.fail(code, message)
      wire.ok()
      await wire.refuseQueries()
    })
    const db = server.pool({ config: { port } })
    expect(await failureOf(() => invoke(one(db), undefined))).toMatchObject({ code: 'ER_PARSE_ERROR' })
    expect(asked).toBe(3)
    // None of them is left for it to end.
    const closing = performance.now()
    await db.close()
    expect(performance.now() - closing).toBeLessThan(500)
  })

  test('waits while the server has too many, and is made as soon as one of them ends', async () => {
    await server.ask(
      "CREATE USER lonely IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1; GRANT ALL ON tests.* TO lonely",
    )
    const credentials = { username: 'lonely', password: 'secret' }
    const first = server.pool({ connections: 1, credentials, maxLifetime: 0 })
    const meet = barrier(2)
    const holding = invoke(
      handlerOf(first, async (db) => {
        await (await db.client()).query('SELECT 1')
        await meet()
        await meet()
      }),
      undefined,
    )
    await meet()
    const second = server.pool({ connections: 1, credentials })
    const error = await failureOf(() => invoke(one(second), undefined, { timeout: 500 }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: true })
    expect((error as Error).message).toContain('raise its max_connections')
    const waiting = invoke(one(second), undefined, { timeout: 10_000 })
    await meet()
    await holding
    await expect(waiting).resolves.toEqual([{ one: 1 }])
  })

  test('that failed is not remembered: the next request connects', async () => {
    let password = 'wrong'
    const db = server.pool({ credentials: () => password })
    expect(await failureOf(() => invoke(one(db), undefined))).toMatchObject({ code: 'DATABASE_CONNECT' })
    password = server.config.password
    await expect(invoke(one(db), undefined)).resolves.toEqual([{ one: 1 }])
  })

  test.each([
    ['an empty list of errors', []],
    ['a list of nothing', [undefined]],
    ['errors that are no list', 2],
  ])('whose credentials fail with %s is an error with the cause', async (_name, errors) => {
    const cause = Object.assign(new Error('AccessDenied'), { errors })
    const error = await failureOf(() => connect({ credentials: () => Promise.reject(cause) }))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', cause, message: expect.stringContaining('AccessDenied') })
  })

  test('is replaced after its lifetime', async () => {
    const db = server.pool({ connections: 1, maxLifetime: 0 })
    const handler = handlerOf(db, async (db) => (await db.client()).threadId)
    const ids = new Set<number>()
    for (let request = 0; request < 3; request++) ids.add(await invoke(handler, undefined))
    expect(ids.size).toBe(3)
  })

  test('is opened by the uri of its configuration', async () => {
    const { host, port, user, password, database } = server.config
    const uri = `mysql://${user}:${password}@${host}:${port}/${database}`
    const db = server.pool({
      config: { host: '', port: undefined as never, user: '', password: '', database: '', uri },
    })
    await expect(invoke(one(db), undefined)).resolves.toEqual([{ one: 1 }])
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('is opened by a socket of the file system, and what runs on it is cancelled there', async () => {
    const db = server.pool({ connections: 1, config: { socketPath: server.mariadb.socketPath } })
    const context = { timeout: 300 }
    const slow = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
    await expect(invoke(slow, undefined, context)).rejects.toThrow('aborted')
    await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
    await expect(invoke(one(db), undefined)).resolves.toEqual([{ one: 1 }])
  })
})
