import { setImmediate } from 'node:timers/promises'
import { expect, jest, test } from '@jest/globals'
import type { Credential, Database } from 'middy-managed-instances/database'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'

jest.setTimeout(20_000)

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

const userOf = async (client: PoolConnection): Promise<unknown> =>
  (await client.query<RowDataPacket[]>('SELECT CURRENT_USER() AS user'))[0][0]?.['user']

onMariaDb('credentials of mysqlPool()', () => {
  const server = mysqlServer()

  /** Has so many requests hold a connection each at the same time; resolves to their users. */
  const openAll = async (db: Database<PoolConnection>, connections: number): Promise<unknown[]> => {
    const meet = barrier(connections)
    const handler = handlerOf(db, async (db) => {
      const user = await userOf(await db.client())
      await meet()
      return user
    })
    const results = await invokeConcurrently(handler, Array(connections).fill(undefined), { concurrency: connections })
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    return results.map((result) => result.status === 'fulfilled' && result.value)
  }

  test('from a function are asked for each connection, once for those that open together', async () => {
    let asked = 0
    const db = server.pool({
      onError: () => {},
      credentials: async () => {
        asked += 1
        await setImmediate()
        return { username: server.config.user, password: server.config.password }
      },
    })
    await openAll(db, 4)
    expect(await countsOf(db)).toEqual({ total: 4, idle: 4 })
    expect(asked).toBe(1)
    await server.killAll()
    await until(async () => (await countsOf(db)).total === 0)
    await openAll(db, 1)
    expect(asked).toBe(2)
  })

  test('of a login name the user, and its other fields are nobody’s business', async () => {
    await server.ask("CREATE USER alice IDENTIFIED BY 'secret'; GRANT ALL ON tests.* TO alice")
    const secret = { username: 'alice', password: 'secret', engine: 'mysql', host: 'elsewhere.invalid', port: 1 }
    const db = server.pool({ credentials: secret })
    const warnings = jest.spyOn(console, 'error').mockImplementation(() => {})
    try {
      expect(await openAll(db, 1)).toEqual(['alice@%'])
      const slow = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
      await expect(invoke(slow, undefined, { timeout: 300 })).rejects.toThrow('aborted')
      await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
      expect(warnings).not.toHaveBeenCalled()
    } finally {
      warnings.mockRestore()
    }
  })

  test('from a source are refreshed once when the server refuses them, and no request fails', async () => {
    await server.ask("CREATE USER rotated IDENTIFIED BY 'first'; GRANT ALL ON tests.* TO rotated")
    let current = 'first'
    const { source, counts } = sourceOf(() => ({ username: 'rotated', password: current }))
    const db = server.pool({ credentials: source, connections: 4, onError: () => {} })
    await openAll(db, 1)
    await server.ask("ALTER USER rotated IDENTIFIED BY 'second'")
    current = 'second'
    await server.killAll()
    await until(async () => (await countsOf(db)).total === 0)
    expect(await openAll(db, 4)).toEqual(Array(4).fill('rotated@%'))
    expect(counts.refreshed).toBe(1)
  })

  test('that name another user after a rotation are taken, and queries of the one before are still cancelled', async () => {
    await server.ask(
      "CREATE USER blue IDENTIFIED BY 'b'; CREATE USER green IDENTIFIED BY 'g'; GRANT ALL ON tests.* TO blue, green",
    )
    let credential: Credential = { username: 'blue', password: 'b' }
    const db = server.pool({ credentials: () => credential, connections: 2 })
    const meet = barrier(2)
    const slow = invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        expect(await userOf(client)).toBe('blue@%')
        await meet()
        await client.query('SELECT SLEEP(60)')
      }),
      undefined,
      { timeout: 800 },
    )
    await meet()
    credential = { username: 'green', password: 'g' }
    expect(await openAll(db, 1)).toEqual(['green@%'])
    await expect(slow).rejects.toThrow('aborted')
    await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
    await expectNoLeaks()
    expect(await countsOf(db)).toEqual({ total: 2, idle: 2 })
  })

  test('that stay refused are an error after one refresh', async () => {
    const { source, counts } = sourceOf(() => ({ username: server.config.user, password: 'wrong' }))
    const error = await failureOf(() => openOne(server.pool({ credentials: source })))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false, data: { attempts: 2 } })
    expect(counts.refreshed).toBe(1)
  })

  const openOne = (db: Database<PoolConnection>): Promise<unknown> =>
    invoke(
      handlerOf(db, (db) => db.client()),
      undefined,
    )

  test.each([
    ['can not be fetched', new Error('AccessDenied')],
    ['fail with what nobody may write on', Object.freeze(new Error('AccessDenied'))],
  ])('that %s are an error with the cause, as it is', async (_name, cause) => {
    const db = server.pool({ credentials: () => Promise.reject(cause) })
    const error = await failureOf(() => openOne(db))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('AccessDenied') })
    expect((error as Error).cause).toBe(cause)
    expect(cause).not.toHaveProperty('fatal')
  })

  test('that fail without a reason are an error all the same', async () => {
    const error = await failureOf(() => openOne(server.pool({ credentials: () => Promise.reject(undefined) })))
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', message: expect.stringContaining('no reason was given') })
  })

  test('in JSON that nobody has parsed are an error that says so, and not what they are', async () => {
    const error = (await failureOf(() =>
      openOne(server.pool({ credentials: () => ({ user: 'a', secret: 'hidden' }) as never })),
    )) as Error
    expect(error.message).toContain('an object with the keys user')
    expect(error.message).toContain("{ transform: 'json' }")
    expect(error.message).not.toContain('hidden')
  })
})
