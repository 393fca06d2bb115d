import { describe, expect, test } from '@jest/globals'
import { invoke } from 'middy-managed-instances/testing'
import { collectGarbage } from '../testing/collector.ts'
import { mysqlServer, onMariaDb } from './support/mysql-server.ts'
import { handlerOf, testServer } from './support/server.ts'

const queries = 50

/** How many results a client keeps on which one query has always been waiting behind another. */
const keptBy = async (ask: () => Promise<object>): Promise<number> => {
  const results: WeakRef<object>[] = []
  let running = ask()
  for (let asked = 0; asked < queries; asked++) {
    const next = ask()
    results.push(new WeakRef(await running))
    running = next
  }
  // What was awaited last may be on the stack.
  await new Promise(setImmediate)
  collectGarbage()
  const kept = results.filter((result) => result.deref() !== undefined).length
  await running
  return kept
}

describe('a client that is never idle keeps no results', () => {
  const server = testServer()

  test('of pgPool(), to a request or a user of db.pool', async () => {
    const db = server.pool({ connections: 1 })
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      return keptBy(() => client.query('SELECT 1'))
    })
    await expect(invoke(handler, undefined)).resolves.toBeLessThan(5)
    const client = await (await db.pool).connect()
    expect(await keptBy(() => client.query('SELECT 1'))).toBeLessThan(5)
    client.release()
  })
})

onMariaDb('a client that is never idle keeps no results', () => {
  const server = mysqlServer()

  test('of mysqlPool()', async () => {
    const handler = handlerOf(server.pool({ connections: 1 }), async (db) => {
      const client = await db.client()
      return keptBy(() => client.query('SELECT 1'))
    })
    await expect(invoke(handler, undefined)).resolves.toBeLessThan(5)
  })
})
