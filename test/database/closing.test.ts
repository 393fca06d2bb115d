import { describe, expect, test } from '@jest/globals'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { barrier, invoke } from 'middy-managed-instances/testing'
import { failureOf, handlerOf, testServer, until } from './support/server.ts'

const server = testServer()

describe('close()', () => {
  test('ends every idle connection before it resolves', async () => {
    const db = server.pool()
    await invoke(
      handlerOf(db, async (db) => (await db.client()).query('SELECT 1')),
      undefined,
    )
    await db.close()
    await until(async () => (await server.sessions()).length === 0)
  })

  test('lets a request that holds a client finish', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const answer = invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        await meet()
        return (await client.query('SELECT 1 AS one FROM pg_sleep(0.05)')).rows
      }),
      undefined,
    )
    await meet()
    await db.close({ deadline: Date.now() + 5_000 })
    await expect(answer).resolves.toEqual([{ one: 1 }])
    expect(await server.sessions()).toEqual([])
  })

  test('is bounded while a client is out, whose connection it breaks off', async () => {
    const db = server.pool({ connections: 1 })
    const meet = barrier(2)
    const answer = invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        await meet()
        return failureOf(() => client.query('SELECT pg_sleep(60)'))
      }),
      undefined,
    )
    await meet()
    const started = performance.now()
    await db.close({ deadline: Date.now() + 100 })
    expect(performance.now() - started).toBeLessThan(400)
    expect((await answer) as Error).toMatchObject({ message: expect.stringMatching(/terminated|cancel/) })
    await until(async () => (await server.sessions()).length === 0, 500)
  })

  test('is bounded while a client is held that runs nothing', async () => {
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
    await until(async () => (await server.sessions()).length === 0, 500)
    await meet()
    await answer
  })

  test('waits for what runs, if it may take for ever and whoever has ended the pool', async () => {
    const db = server.pool({ connections: 1 })
    const answer = invoke(
      handlerOf(db, async (db) => (await db.client()).query("SELECT 'ran' AS it FROM pg_sleep(0.2)")),
      undefined,
    )
    await until(async () => (await server.sessions()).some(({ state }) => state === 'active'))
    void (await db.pool).end()
    await db.close({ deadline: Number.POSITIVE_INFINITY })
    await expect(answer).resolves.toMatchObject({ rows: [{ it: 'ran' }] })
    expect(await server.sessions()).toEqual([])
  })

  test('ends every wait, and no client is to be had any more', async () => {
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
    expect(
      await failureOf(() =>
        invoke(
          handlerOf(db, (db) => db.client()),
          undefined,
        ),
      ),
    ).toMatchObject({
      code: 'DATABASE_CLOSED',
      message: expect.stringContaining('Close it only when no more requests come'),
    })
  })

  test('before anything was opened does nothing', async () => {
    await server.pool().close()
    expect(await server.sessions()).toEqual([])
  })
})

test('describe() counts workers, connections and environments against the server', async () => {
  const db = server.pool({ connections: 8 })
  await expect(db.describe({ environments: 20 })).resolves.toBe(
    "pgPool(): 1 worker x 8 connections x 20 environments = 160 connections of the server's max_connections 100, 60 too many",
  )
  await expect(db.describe()).resolves.toContain('= 8 connections')
})

describe.each([
  ['pgPool()', () => server.pool()],
  ['sharedClient()', () => sharedClient({ open: () => 'a client' })],
])('%s', (name, make) => {
  test.each([
    ['describe', { environments: 0 }, 'option "environments" must be a whole number, 1 or more, received 0.'],
    ['describe', { environment: 2 }, 'unknown option "environment" (received 2); expected one of environments.'],
    ['close', { deadline: '1s' }, `option "deadline" must be a time in milliseconds since the epoch, received '1s'.`],
  ] as const)('%s() refuses %p', async (method, options, problem) => {
    await expect(make()[method](options as object)).rejects.toThrow(new TypeError(`${name} ${method}(): ${problem}`))
  })
})
