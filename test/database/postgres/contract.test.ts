import { describe, expect, test } from '@jest/globals'
import { postgresJs } from 'middy-managed-instances/database/postgres'
import { type AdapterUnderTest, adapterContract } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { testServer } from '../support/server.ts'
import { configOf } from './support/shared.ts'

const server = testServer()

const value = async (sql: postgres.ISql, text: string): Promise<unknown> =>
  Object.values((await sql.unsafe(text))[0] ?? {})[0]

const pidOf = (sql: postgres.ISql): Promise<unknown> => value(sql, 'SELECT pg_backend_pid()')

/** Resolves in the middle of a transaction that nobody ends. */
const leaveTransaction = (sql: postgres.Sql): Promise<void> =>
  new Promise((begun, failed) => {
    const unending = async (sql: postgres.TransactionSql): Promise<never> => {
      await sql`SELECT pg_current_xact_id()`
      begun()
      return new Promise(() => {})
    }
    sql.begin(unending).catch(failed)
  })

const handles: AdapterUnderTest<postgres.Sql> = {
  make: (connections) => postgresJs({ connections, config: configOf(server), onLeak: () => {} }),
  makeUnreachable: () => postgresJs({ connections: 2, config: { ...configOf(server), port: 1 } }),
  use: pidOf,
  shared: false,
  borrow: (sql, work) => sql.begin(async (sql) => work(await pidOf(sql))),
  giveBack: (sql) => sql.end(),
  transaction: {
    open: leaveTransaction,
    isOpen: async (sql) => (await value(sql, 'SELECT pg_current_xact_id_if_assigned()')) !== null,
  },
  session: {
    soil: (sql) => sql`SET search_path TO elsewhere`,
    isSoiled: async (sql) => (await value(sql, 'SHOW search_path')) === 'elsewhere',
  },
  linger: (sql) => sql`SELECT pg_sleep(30)`,
}

describe('postgresJs()', () => {
  for (const { name, run } of adapterContract(handles)) test(name, run)
})

test('the contract is noticed to be broken', async () => {
  const careless: AdapterUnderTest<postgres.Sql> = {
    ...handles,
    make: (connections) => postgresJs({ connections, config: configOf(server), reset: 'off', onLeak: () => {} }),
  }
  const rule = adapterContract(careless).find(({ name }) => name.includes('session of the one before'))
  await expect(rule?.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' })
})
