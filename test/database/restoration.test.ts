import './support/managed-environment.ts'
import { expect, test } from '@jest/globals'
import { createContext, expectNoLeaks } from 'middy-managed-instances/testing'
import { failureOf, handlerOf, type TestServer, testServer, untilIdle } from './support/server.ts'

const server = testServer()

/** What is sent over the connections of a pool. */
const sentBy = async (db: ReturnType<TestServer['pool']>): Promise<string[]> => {
  const sent: string[] = []
  const pool = await db.pool
  pool.on('connect', (client) => {
    const query = client.query.bind(client)
    client.query = ((text: string, ...rest: []) => {
      sent.push(text)
      return query(text, ...rest)
    }) as typeof query
  })
  return sent
}

test('on Managed Instances an answer goes out before anything is done about the connection', async () => {
  const db = server.pool({ connections: 1, reset: 'always' })
  const sent = await sentBy(db)
  const handler = handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows)
  await expect(handler(undefined, createContext())).resolves.toEqual([{ one: 1 }])
  expect(sent).toEqual(['SELECT 1 AS one'])
  await expectNoLeaks()
  expect(sent).toEqual(['SELECT 1 AS one', expect.stringContaining('RESET ALL')])
  await untilIdle(db, 1)
})

test('a connection that is lost is not reset', async () => {
  const db = server.pool({ connections: 1, reset: 'always' })
  const sent = await sentBy(db)
  const suicide = 'SELECT pg_terminate_backend(pg_backend_pid())'
  const handler = handlerOf(db, async (db) => {
    const client = await db.client()
    return failureOf(() => client.query(suicide))
  })
  await expect(handler(undefined, createContext())).resolves.toMatchObject({ code: '57P01' })
  await expectNoLeaks()
  expect(sent).toEqual([suicide])
  await untilIdle(db, 0)
})
