import { createServer, type Server } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { pgPool } from 'middy-managed-instances/database/pg'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { type AdapterUnderTest, adapterContract } from 'middy-managed-instances/testing'
import type { PoolClient } from 'pg'
import { testServer } from './support/server.ts'

const server = testServer()

const value = async (client: PoolClient, sql: string): Promise<unknown> =>
  Object.values((await client.query(sql)).rows[0] ?? {})[0]

const postgres: AdapterUnderTest<PoolClient> = {
  make: (connections) => pgPool({ connections, config: server.config, onLeak: () => {} }),
  makeUnreachable: () => pgPool({ connections: 2, config: { ...server.config, port: 1 } }),
  use: (client) => value(client, 'SELECT pg_backend_pid()'),
  shared: false,
  giveBack: (client) => client.release(),
  transaction: {
    open: (client) => client.query('BEGIN; SELECT pg_current_xact_id()'),
    isOpen: async (client) => (await value(client, 'SELECT pg_current_xact_id_if_assigned()')) !== null,
  },
  session: {
    soil: (client) => client.query("SET search_path TO 'elsewhere'"),
    isSoiled: async (client) => (await value(client, 'SHOW search_path')) === 'elsewhere',
  },
  linger: (client) => client.query('SELECT pg_sleep(30)'),
}

describe('pgPool()', () => {
  for (const { name, run } of adapterContract(postgres)) test(name, run)
})

/** A client of Node's own that is opened and closed. */
const listening: AdapterUnderTest<Server> = {
  make: () =>
    sharedClient<Server>({
      open: () =>
        new Promise((resolve) => {
          const opened = createServer().listen(0, () => resolve(opened))
        }),
      close: (opened) => new Promise((resolve) => opened.close(resolve)),
    }),
  makeUnreachable: () => sharedClient<Server>({ open: () => new Promise(() => {}) }),
  use: async (client) => expect(client.listening).toBe(true),
  shared: true,
}

describe('sharedClient()', () => {
  for (const { name, run } of adapterContract(listening)) test(name, run)
})

test('the contract is noticed to be broken', async () => {
  const careless: AdapterUnderTest<PoolClient> = {
    ...postgres,
    make: (connections) => pgPool({ connections, config: server.config, reset: 'off', onLeak: () => {} }),
  }
  const rule = adapterContract(careless).find(({ name }) => name.includes('session of the one before'))
  await expect(rule?.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' })
})
