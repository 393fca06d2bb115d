import { describe, expect, test } from '@jest/globals'
import type { Leak } from 'middy-managed-instances/database'
import { postgresJs } from 'middy-managed-instances/database/postgres'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type pg from 'pg'
import type postgres from 'postgres'
import { configOf } from './postgres/support/shared.ts'
import { failureOf, handlerOf, testServer } from './support/server.ts'

const server = testServer()

describe('a map that throws', () => {
  test('refuses the client, and leaves nothing of it to use or to clear away', async () => {
    const kept: pg.PoolClient[] = []
    const leaks: Leak[] = []
    const options = {
      connections: 1,
      onLeak: (leak: Leak) => void leaks.push(leak),
      map: (client: pg.PoolClient) => {
        if (kept.push(client) > 1) return client
        void client.query('BEGIN')
        throw new RangeError('of the map')
      },
    }
    const db = server.pool(options)
    const refused = handlerOf(db, (db) => failureOf(() => db.client()))
    expect(await invoke(refused, undefined)).toMatchObject({ message: 'of the map' })
    expect(await failureOf(() => kept[0]?.query('SELECT 1'))).toMatchObject({ code: 'LEASE_RELEASED' })
    await expectNoLeaks()
    expect(leaks).toMatchObject([{ kind: 'transaction', action: 'rolledBack' }])
    const next = handlerOf(db, async (db) => {
      const { rows } = await (await db.client()).query('SELECT now() = statement_timestamp() AS alone')
      return rows
    })
    await expect(invoke(next, undefined)).resolves.toEqual([{ alone: true }])
  })

  test('refuses the handle of postgres.js too', async () => {
    const kept: postgres.Sql[] = []
    const db = server.own(
      postgresJs({
        connections: 1,
        config: configOf(server),
        map: (sql) => {
          kept.push(sql)
          throw new RangeError('of the map')
        },
      }),
    )
    const refused = handlerOf(db, (db) => failureOf(() => db.client()))
    expect(await invoke(refused, undefined)).toMatchObject({ message: 'of the map' })
    expect(await failureOf(() => kept[0]?.unsafe('SELECT 1'))).toMatchObject({ code: 'LEASE_RELEASED' })
  })
})

test('a database is called by its name, where there are several', async () => {
  const db = server.pool({ name: 'orders', connections: 1, config: { password: 'wrong' } as never })
  const refused = handlerOf(db, (db) => failureOf(() => db.client()))
  expect(await invoke(refused, undefined)).toMatchObject({
    data: { database: 'orders' },
    message: expect.stringMatching(/^orders: can't connect/),
  })
})
