import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Database, type Login, rdsIam } from 'middy-managed-instances/database'
import { barrier, invokeConcurrently } from 'middy-managed-instances/testing'
import type pg from 'pg'
import { failureOf, handlerOf, testServer, until } from './support/server.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
const options = { hostname: 'orders.example.com', username: 'orders', region: 'eu-central-1', credentials }
const minute = 60_000

// Only the date is held: tokens signed at the same date are the same.
beforeEach(() => {
  jest.useFakeTimers({
    now: Date.UTC(2026, 0, 1),
    doNotFake: [
      'clearImmediate',
      'clearInterval',
      'clearTimeout',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'setInterval',
      'setTimeout',
    ],
  })
})

afterEach(() => {
  jest.useRealTimers()
})

describe('rdsIam()', () => {
  test('signs a token for the host, port and user', async () => {
    const { username, password } = await rdsIam({ ...options, port: 6543 }).get()
    expect(username).toBe('orders')
    const url = new URL(`https://${password}`)
    expect([url.hostname, url.port]).toEqual(['orders.example.com', '6543'])
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'connect',
      DBUser: 'orders',
      'X-Amz-Expires': '900',
      'X-Amz-Credential': expect.stringContaining('eu-central-1/rds-db'),
    })
  })

  test('makes one token for all that ask at the same time, and serves it for ten minutes', async () => {
    const source = rdsIam(options)
    expect(source.peek()).toBeUndefined()
    const [first, ...others] = await Promise.all([source.get(), source.get(), source.get()])
    jest.setSystemTime(Date.now() + 10 * minute)
    for (const login of [...others, await source.get(), source.peek()]) expect(login).toBe(first)
  })

  test('makes the next one ahead of its 15 minutes, without anybody waiting', async () => {
    const source = rdsIam(options)
    const first = await source.get()
    jest.setSystemTime(Date.now() + 11 * minute)
    expect(await source.get()).toBe(first)
    await source.refresh()
    expect((await source.get()).password).not.toBe(first.password)
  })

  test('serves none that is about to expire', async () => {
    const source = rdsIam(options)
    const first = await source.get()
    jest.setSystemTime(Date.now() + 14 * minute)
    expect(source.peek()).toBeUndefined()
    expect(await source.get()).not.toBe(first)
  })

  test('fails where no credentials are to be had, and signs once there are', async () => {
    let denied = true
    const source = rdsIam({
      ...options,
      credentials: async () => {
        if (denied) throw new Error('no role')
        return credentials
      },
    })
    expect(await failureOf(() => source.get())).toMatchObject({ message: 'no role' })
    denied = false
    expect((await source.get()).username).toBe('orders')
  })

  test('refuses wrong options', () => {
    expect(() => rdsIam({ ...options, hostname: '' })).toThrow('rdsIam(): option "hostname" must be')
    expect(() => rdsIam({ ...options, port: 0 })).toThrow(
      'rdsIam(): option "port" must be a whole number from 1 to 65535',
    )
    expect(() => rdsIam({ ...options, host: 'a' } as never)).toThrow('unknown option "host"')
  })
})

// A certificate takes a tool that not every machine has.
const described = spawnSync('openssl', ['version']).status === 0 ? describe : describe.skip

described('a pool with rdsIam()', () => {
  const server = testServer({ tls: true })

  // As on RDS: it asks for the token itself, and over TLS only.
  beforeAll(async () => {
    await server.ask('CREATE ROLE orders LOGIN')
    const [settings] = await server.ask('SHOW hba_file')
    const file: string = settings?.['hba_file']
    writeFileSync(file, `hostssl all orders 127.0.0.1/32 password\nhost all orders all reject\n${readFileSync(file)}`)
    await server.postgres.halt()
    await server.postgres.resume()
  })

  /** A source of tokens, signed as a function's role signs them, and how many it has made. */
  const signing = () => {
    const made = { tokens: 0 }
    const source = rdsIam({
      ...options,
      hostname: 'localhost',
      port: server.config.port,
      credentials: async () => {
        made.tokens += 1
        return { ...credentials, sessionToken: 'token'.repeat(200) }
      },
    })
    return { source, made }
  }

  const accept = ({ password }: Login): Promise<unknown> => server.ask(`ALTER ROLE orders PASSWORD '${password}'`)

  const trusting = () => ({ ca: server.postgres.certificate })

  const poolOf = ({ source }: ReturnType<typeof signing>, ssl: object | boolean = trusting()) =>
    server.pool({ connections: 4, config: { host: 'localhost', ssl }, credentials: source, onError: () => {} })

  /** Has so many requests hold a connection each at the same time; resolves to what each is, or has failed with. */
  const openAll = async (db: Database<pg.PoolClient>, connections: number): Promise<unknown[]> => {
    const meet = barrier(connections)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const { rows } = await client.query(
        'SELECT current_user AS user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      )
      await meet()
      return rows[0]
    })
    const results = await invokeConcurrently(handler, Array(connections).fill(undefined))
    return results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason))
  }

  const connected = { user: 'orders', ssl: true }

  test('connects over TLS, as the user of the login, with a token for the password', async () => {
    const tokens = signing()
    await accept(await tokens.source.get())
    expect(await openAll(poolOf(tokens), 1)).toEqual([connected])
  })

  test('gives the token to no server whose certificate nobody has signed', async () => {
    const tokens = signing()
    await accept(await tokens.source.get())
    const [error] = await openAll(poolOf(tokens, true), 1)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('config.ssl.ca') })
  })

  test('opens all connections of one moment with one token', async () => {
    await accept(await signing().source.get())
    const tokens = signing()
    expect(await openAll(poolOf(tokens), 4)).toEqual(Array(4).fill(connected))
    expect(await server.sessions()).toHaveLength(4)
    expect(tokens.made.tokens).toBe(1)
  })

  test('makes one new token once the server refuses the one it has, and no request fails', async () => {
    const tokens = signing()
    await accept(await tokens.source.get())
    const db = poolOf(tokens)
    await openAll(db, 1)
    jest.setSystemTime(Date.now() + minute)
    await accept(await signing().source.get())
    await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orders'")
    await until(async () => (await db.pool).totalCount === 0)
    expect(await openAll(db, 4)).toEqual(Array(4).fill(connected))
    expect(tokens.made.tokens).toBe(2)
  })

  test('tries to connect once more with the new token, and no further', async () => {
    const tokens = signing()
    await accept({ password: 'of nobody' })
    const [error] = await openAll(poolOf(tokens), 1)
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false, data: { attempts: 2 } })
    expect(tokens.made.tokens).toBe(2)
  })
})
