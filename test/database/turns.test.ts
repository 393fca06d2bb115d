import { describe, expect, test } from '@jest/globals'
import { pgPool } from 'middy-managed-instances/database/pg'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { handlerOf, testServer, untilIdle } from './support/server.ts'

const server = testServer()

const pidOf = async (client: PoolClient): Promise<number> =>
  (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid

const numbers = Array.from({ length: 20 }, (_, number) => number)

describe('requests that wait for a connection', () => {
  test('get it in the order they asked', async () => {
    const served: number[] = []
    const handler = handlerOf(server.pool({ connections: 1 }), async (db, event: number) => {
      const client = await db.client()
      served.push(event)
      await client.query('SELECT 1')
    })
    await invokeConcurrently(handler, numbers)
    expect(served).toEqual(numbers)
  })

  test('get it from the request before, past the pool', async () => {
    const db = server.pool({ connections: 1 })
    const pool = await db.pool
    let acquired = 0
    pool.on('acquire', () => {
      acquired += 1
    })
    const handler = handlerOf(db, async (db, _event: number) => pidOf(await db.client()))
    const results = await invokeConcurrently(handler, numbers)
    expect(new Set(results.map((result) => result.status === 'fulfilled' && result.value)).size).toBe(1)
    expect(acquired).toBe(1)
    await untilIdle(db, 1)
  })

  test('get it after those who asked the pool itself before', async () => {
    const db = server.pool({ connections: 1 })
    const order: string[] = []
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      if (event === 0) void (await db.pool).query('SELECT 1').then(() => order.push('pool'))
      await client.query('SELECT 1')
      order.push(`${event}`)
    })
    await invokeConcurrently(handler, [0, 1, 2])
    expect(order).toEqual(['0', 'pool', '1', '2'])
  })

  test.each([
    ['past its lifetime', { maxLifetime: 0 }],
    ['used as often as config.maxUses says', { config: { maxUses: 1 } }],
  ])('get no connection %s', async (_name, options) => {
    const handler = handlerOf(server.pool({ connections: 1, ...options }), async (db, _event: number) =>
      pidOf(await db.client()),
    )
    const results = await invokeConcurrently(handler, [1, 2, 3])
    expect(new Set(results.map((result) => result.status === 'fulfilled' && result.value)).size).toBe(3)
  })

  test('get one although what was made of it fails for another', async () => {
    let made = 0
    const map = (client: PoolClient): PoolClient => {
      made += 1
      if (made === 2) throw new RangeError('not made')
      return client
    }
    const db = server.own(pgPool({ connections: 1, config: server.config, map }))
    const handler = handlerOf(db, async (db, _event: number) => pidOf(await db.client()))
    const statuses = (await invokeConcurrently(handler, [1, 2, 3])).map(({ status }) => status)
    expect(statuses).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await expect(invoke(handler, 4)).resolves.toEqual(expect.any(Number))
  })
})
