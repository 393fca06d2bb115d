import { expect, test } from '@jest/globals'
import type { Database } from 'middy-managed-instances/database'
import { invoke } from 'middy-managed-instances/testing'
import type pg from 'pg'
import { handlerOf, testServer, until, untilIdle } from './support/server.ts'

const server = testServer()

const ask = (db: Database<pg.PoolClient, pg.Pool>): Promise<number> =>
  invoke(
    handlerOf(db, async (db) => (await (await db.client()).query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
    undefined,
  )

test('a connection that comes back is there for the next request past the pool, and soon in the pool', async () => {
  const db = server.pool()
  let acquired = 0
  const pool = await db.pool
  pool.on('acquire', () => {
    acquired += 1
  })
  await ask(db)
  await until(async () => {
    const before = acquired
    await ask(db)
    return acquired === before
  })
  await untilIdle(db, 1)
  const before = acquired
  await ask(db)
  expect(acquired).toBe(before + 1)
})

test('who asks the pool itself finds every connection in it that is not in use', async () => {
  const db = server.pool({ connections: 1 })
  const pool = await db.pool
  let pid: number | undefined
  await until(async () => {
    pid = await ask(db)
    return pool.idleCount === 0
  })
  const asked = pool.query('SELECT pg_backend_pid() AS pid')
  expect(pool.idleCount).toBe(1)
  expect((await asked).rows).toEqual([{ pid }])
})

test('a connection that is lost when it has just come back is told of, and lent to nobody', async () => {
  const errors: Error[] = []
  const db = server.pool({ connections: 1, onError: (error) => errors.push(error) })
  const pool = await db.pool
  let lose = (): void => {}
  pool.on('connect', (client) => {
    const { stream } = (client as unknown as { connection: pg.Connection }).connection
    lose = () => void stream.destroy()
  })
  const pid = await ask(db)
  lose()
  await until(async () => errors.length > 0)
  expect(errors.map(({ message }) => message)).toEqual(['Connection terminated unexpectedly'])
  expect(await ask(db)).not.toBe(pid)
  await untilIdle(db, 1)
})
