import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { type Database, DatabaseConnectError } from 'middy-managed-instances/database'
import { mysqlPool } from 'middy-managed-instances/database/mysql2'
import { type PgPoolOptions, pgPool } from 'middy-managed-instances/database/pg'
import { invoke } from 'middy-managed-instances/testing'
import pg from 'pg'
import { sendCancelRequest } from '../../middlewares/database/pg/cancel.ts'
import { failureOf, handlerOf, testServer } from './support/server.ts'
import { serveTcp } from './support/tcp.ts'

const server = testServer()

/** What a request for a client fails with. */
const refusalOf = (db: Database<unknown>): Promise<unknown> =>
  invoke(
    handlerOf(db, async (db) => failureOf(() => db.client())),
    undefined,
  )

describe('a configuration that node-postgres reads only when it connects', () => {
  const wrong: Record<string, PgPoolOptions['config']> = {
    'a malformed URL': { connectionString: 'postgres://u:p@host:bad/db' },
    'a certificate that is not there': {
      connectionString: 'postgres://u:p@127.0.0.1/db?sslmode=verify-full&sslrootcert=/nowhere/none.pem',
    },
    'a stream that throws': {
      stream: () => {
        throw new RangeError('no stream')
      },
    },
  }

  test.each(Object.entries(wrong))('(%s) fails every request, and none hangs', async (_name, config) => {
    const db = server.own(pgPool({ connections: 2, config: config ?? {}, acquireTimeout: 200 }))
    for (let request = 0; request < 4; request++)
      expect(await refusalOf(db)).toMatchObject({
        code: 'DATABASE_CONNECT',
        message: expect.stringContaining('pgPool()'),
      })
  })
})

test('a database of somebody else whose acquire() throws refuses its clients', async () => {
  const db = {
    name: 'other',
    pool: Promise.resolve(undefined),
    acquire: () => {
      throw new RangeError('thrown')
    },
    describe: async () => '',
    close: async () => {},
  } satisfies Database<unknown>
  const handler = handlerOf(db, async (db) => [await failureOf(() => db.client()), await failureOf(() => db.client())])
  expect(await invoke(handler, undefined)).toMatchObject([{ message: 'thrown' }, { message: 'thrown' }])
})

describe('a server that accepts and says nothing', () => {
  test.each([
    ['pgPool()', pgPool],
    ['mysqlPool()', mysqlPool],
  ])('is what %s tells of to a request with less time than an attempt takes', async (name, make) => {
    const port = await serveTcp(() => {})
    const config = { host: '127.0.0.1', port, database: 'any', user: 'any', password: 'any' }
    const db = server.own((make as typeof pgPool)({ connections: 2, config, acquireTimeout: 200 }))
    const error = await refusalOf(db)
    expect(error).toBeInstanceOf(DatabaseConnectError)
    expect(error).toMatchObject({ retryable: true, message: expect.stringMatching(/no answer within \d+ ms/) })
    expect((error as Error).message).toContain(name)
  })
})

test('a cancellation that nobody answers is given up, and its socket closed', async () => {
  const accepted = Promise.withResolvers<Socket>()
  const port = await serveTcp(accepted.resolve)
  const login = { processID: 1, secretKey: 1, ssl: false, sslnegotiation: undefined, stream: undefined }
  const error = await failureOf(() => sendCancelRequest(pg, { host: '127.0.0.1', port, ...login }))
  expect(error).toMatchObject({ code: 'ETIMEDOUT' })
  const socket = await accepted.promise
  socket.resume()
  await once(socket, 'close')
})

test('credentials that do not come are asked for anew', async () => {
  let asked = 0
  const credentials = (): Promise<string> | string => {
    asked += 1
    return asked === 1 ? new Promise(() => {}) : server.config.password
  }
  const db = server.pool({ connections: 1, credentials, acquireTimeout: 100, connectTimeout: 100 })
  expect(await refusalOf(db)).toMatchObject({ code: 'DATABASE_CONNECT' })
  const handler = handlerOf(db, async (db) => (await (await db.client()).query('SELECT 1 AS one')).rows)
  await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
})

test('describe() says who is refused, and what to do', async () => {
  const db = server.pool({ config: { password: 'wrong' } as never })
  const error = await failureOf(() => db.describe())
  expect(error).toMatchObject({
    code: 'DATABASE_CONNECT',
    message: expect.stringMatching(/^pgPool\(\): can't connect/),
  })
})

test('describe() waits for a connection no longer than a request does, and says who has them', async () => {
  const db = server.pool({ connections: 1, acquireTimeout: 100 })
  const handler = handlerOf(db, async (own) => {
    await own.client()
    return failureOf(() => db.describe())
  })
  expect(await invoke(handler, undefined)).toMatchObject({ code: 'DATABASE_BUSY', data: { lent: 1, connections: 1 } })
})
