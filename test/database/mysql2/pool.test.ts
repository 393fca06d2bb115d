import { expect, test } from '@jest/globals'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { handlerOf } from '../support/server.ts'
import { outputOf } from './support/fixture.ts'

onMariaDb('db.pool of mysqlPool()', () => {
  const server = mysqlServer()

  /** In a process of its own, since a freeze would keep the test from ending. */
  const endWhile = async (sql: string): Promise<string[]> =>
    (await outputOf('ended.mjs', JSON.stringify(server.config), sql)).trim().split('\n')

  test('may be ended while a query runs, which is answered', async () => {
    expect(await endWhile('SELECT SLEEP(0.2)')).toEqual(['answered', 'ended'])
  })

  test('may be ended while a query runs that takes long, which is cancelled', async () => {
    expect(await endWhile('SELECT SLEEP(60)')).toEqual(['ER_QUERY_INTERRUPTED', 'query cancelled', 'ended'])
  })

  test('that has been ended lends no connection that was out to those who wait for it', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db, event: 'ends' | 'waits') => {
      const client = await db.client()
      const answer = client.query('SELECT SLEEP(0.1)')
      if (event === 'ends') void (await db.pool).end()
      await answer
    })
    const results = await invokeConcurrently(handler, ['ends', 'waits'])
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'DATABASE_CONNECT' } },
    ])
  })

  const zone = async (client: PoolConnection): Promise<[unknown, number]> => {
    const [rows] = await client.query<RowDataPacket[]>('SELECT @@time_zone AS zone')
    return [rows[0]?.['zone'], client.threadId]
  }
  test.each([
    ['dirty', 'SYSTEM'],
    ['always', 'SYSTEM'],
    ['off', '+05:00'],
  ] as const)('where reset is %s, leaves a request the time zone %s that it has set to +05:00', async (reset, seen) => {
    const db = server.pool({ connections: 1, reset })
    const pool = await db.pool
    const connection = await pool.getConnection()
    const { threadId } = connection
    await connection.query("SET time_zone = '+05:00'")
    connection.release()
    const look = handlerOf(db, async (db) => zone(await db.client()))
    expect(await invoke(look, undefined)).toEqual([seen, threadId])
  })
})
