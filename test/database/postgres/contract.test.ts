import { describe, expect, test } from '@jest/globals'
import { postgresJs } from 'middy-managed-instances/database/postgres'
import { type AdapterUnderTest, adapterContract } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { testServer } from '../support/server.ts'
import { configOf } from './support/shared.ts'

const server = testServer()

const shared: AdapterUnderTest<postgres.Sql> = {
  make: (connections) => postgresJs({ connections, config: configOf(server), onLeak: () => {} }),
  use: async (sql) => expect(await sql`SELECT 1 AS one`).toMatchObject([{ one: 1 }]),
  shared: true,
}

describe('postgresJs()', () => {
  for (const { name, run } of adapterContract(shared)) test(name, run)
})
