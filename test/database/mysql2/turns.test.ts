import { expect, test } from '@jest/globals'
import { invokeConcurrently } from 'middy-managed-instances/testing'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { handlerOf } from '../support/server.ts'

const numbers = Array.from({ length: 20 }, (_, number) => number)

onMariaDb('requests that wait for a connection of mysqlPool()', () => {
  const server = mysqlServer()

  test('get it from the request before, past the pool, in the order they asked', async () => {
    const db = server.pool({ connections: 1 })
    const pool = await db.pool
    let acquired = 0
    pool.on('acquire', () => {
      acquired += 1
    })
    const served: number[] = []
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      served.push(event)
      await client.query('SELECT 1')
    })
    await invokeConcurrently(handler, numbers)
    expect(served).toEqual(numbers)
    expect(acquired).toBe(1)
    expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
  })

  test('get it after those who asked the pool itself before', async () => {
    const db = server.pool({ connections: 1 })
    const order: string[] = []
    const handler = handlerOf(db, async (db, event: number) => {
      const client = await db.client()
      order.push(`${event}`)
      if (event === 0) void (await db.pool).query('SELECT 1').then(() => order.push('pool'))
      await client.query('SELECT 1')
    })
    await invokeConcurrently(handler, [0, 1, 2])
    expect(order).toEqual(['0', 'pool', '1', '2'])
  })

  test('get no connection past its lifetime', async () => {
    const db = server.pool({ connections: 1, maxLifetime: 0 })
    const handler = handlerOf(db, async (db, _event: number) => (await db.client()).threadId)
    const results = await invokeConcurrently(handler, [1, 2, 3])
    expect(new Set(results.map((result) => result.status === 'fulfilled' && result.value)).size).toBe(3)
  })
})
