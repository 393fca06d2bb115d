import { expect, test } from '@jest/globals'
import { barrier, invoke } from 'middy-managed-instances/testing'
import { mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { scriptedMysql } from '../support/scripted-mysql.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'
import { outputOf } from './support/fixture.ts'

onMariaDb('mysqlPool()', () => {
  const server = mysqlServer()
  const hasNoSession = async (): Promise<boolean> => (await server.sessions()).length === 0

  test('ends every idle connection before close() resolves', async () => {
    const db = server.pool()
    await invoke(
      handlerOf(db, async (db) => (await db.client()).query('SELECT 1')),
      undefined,
    )
    await db.close()
    await until(hasNoSession)
  })

  test('lets a request that holds a client finish while it closes', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const answer = invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        await meet()
        return (await client.query('SELECT 1 AS one, SLEEP(0.05) AS slept'))[0]
      }),
      undefined,
    )
    await meet()
    await db.close({ deadline: Date.now() + 5_000 })
    await expect(answer).resolves.toEqual([{ one: 1, slept: 0 }])
    await until(hasNoSession)
  })

  test('lets a query of db.pool finish while it closes', async () => {
    const db = server.pool({ connections: 1 })
    const pool = await db.pool
    await pool.query('SELECT 1')
    const answer = pool.query('SELECT 1 AS one, SLEEP(0.05) AS slept')
    await db.close({ deadline: Date.now() + 5_000 })
    expect((await answer)[0]).toEqual([{ one: 1, slept: 0 }])
    await until(hasNoSession)
  })

  test('closes within a bound while a client is out, and ends its query on the server', async () => {
    const db = server.pool({ connections: 1 })
    const answer = invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        return failureOf(() => client.query('SELECT SLEEP(60)'))
      }),
      undefined,
    )
    await until(async () => (await server.sessions()).some(({ info }) => info?.startsWith('SELECT SLEEP')))
    const started = performance.now()
    await db.close({ deadline: Date.now() + 150 })
    expect(performance.now() - started).toBeLessThan(400)
    expect((await answer) as Error).toMatchObject({ message: expect.stringMatching(/interrupted|closed/) })
    await until(hasNoSession, 500)
  })

  test('closes within a bound while a client is held that runs nothing', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const answer = invoke(
      handlerOf(db, async (db) => {
        await db.client()
        await meet()
        await meet()
      }),
      undefined,
    )
    await meet()
    await db.close({ deadline: Date.now() + 100 })
    await until(hasNoSession, 500)
    await meet()
    await answer
  })

  test('breaks off what is still connecting when it closes, at once', async () => {
    const connected = Promise.withResolvers<void>()
    const port = await scriptedMysql(() => connected.resolve())
    const db = server.pool({ connections: 1, config: { port } })
    const answer = invoke(
      handlerOf(db, (db) => failureOf(() => db.client())),
      undefined,
    )
    await connected.promise
    const started = performance.now()
    await db.close({ deadline: Date.now() + 2_500 })
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(await answer).toMatchObject({ code: 'DATABASE_CLOSED' })
  })

  test('connects no more when its credentials come after it has closed', async () => {
    const asked = Promise.withResolvers<void>()
    const login = Promise.withResolvers<string>()
    const db = server.pool({
      connections: 1,
      credentials: () => {
        asked.resolve()
        return login.promise
      },
    })
    const answer = invoke(
      handlerOf(db, (db) => failureOf(() => db.client())),
      undefined,
    )
    await asked.promise
    const before = await server.ask("SHOW GLOBAL STATUS LIKE 'Connections'")
    await db.close()
    login.resolve(server.config.password)
    expect(await answer).toMatchObject({ code: 'DATABASE_CLOSED' })
    expect(await server.ask("SHOW GLOBAL STATUS LIKE 'Connections'")).toEqual(before)
  })

  test('ends every wait when it closes, and has no client any more', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const answer = invoke(
      handlerOf(db, async (db) => {
        await db.client()
        const waiting = failureOf(() => db.acquire())
        await meet()
        return waiting
      }),
      undefined,
    )
    await meet()
    const closed = db.close()
    expect(await answer).toMatchObject({ code: 'DATABASE_CLOSED' })
    await closed
    await db.close()
    const error = await invoke(
      handlerOf(db, (db) => failureOf(() => db.client())),
      undefined,
    )
    expect(error).toMatchObject({
      code: 'DATABASE_CLOSED',
      message: expect.stringContaining('Close it only when no more requests come'),
    })
    await until(hasNoSession)
  })

  test('does nothing when it closes before anything was opened', async () => {
    await server.pool().close()
    expect(await hasNoSession()).toBe(true)
  })

  test('lets the process end without close(), once the queries of db.pool are answered', async () => {
    const output = await outputOf('idle.mjs', JSON.stringify(server.config))
    expect(output).toContain("of the server's max_connections 100, 98 to spare")
  })

  test('describes workers, connections and environments against the server', async () => {
    const db = server.pool({ connections: 8 })
    await expect(db.describe({ environments: 20 })).resolves.toBe(
      "mysqlPool(): 1 worker x 8 connections x 20 environments = 160 connections of the server's max_connections 100, 60 too many",
    )
    await expect(db.describe()).resolves.toContain('= 8 connections')
  })
})
