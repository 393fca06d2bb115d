import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import pg from 'pg'
import { type Postgres, startPostgres } from '../../examples/backend/postgres.ts'

describe('examples/database-connections', () => {
  let postgres: Postgres
  let client: pg.Client
  let runtime: LocalRuntime

  beforeAll(async () => {
    postgres = await startPostgres()
    const { host, port, user, password, database } = postgres
    client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    await client.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)')
    await client.query('INSERT INTO accounts VALUES (1, 100), (2, 0), (3, 100), (4, 0)')
    runtime = await startRuntime({
      handler: 'examples/database-connections.handler',
      workers: 4,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: { PGHOST: host, PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, PGDATABASE: database },
      privateTmp: true,
    })
  })
  afterAll(async () => {
    await runtime?.stop()
    await client?.end()
    await postgres?.stop()
  })

  it('moves what there is and rolls back what there is not, within its connections', async () => {
    const events = Array.from({ length: 150 }, () => ({ from: 1, to: 2, amount: 1 }))
    const results = await runtime.burst(events)
    const { rows: accounts } = await client.query('SELECT balance FROM accounts WHERE id < 3 ORDER BY id')
    expect(accounts).toEqual([{ balance: 0 }, { balance: 100 }])
    expect(results.filter(({ status }) => status === 'ok')).toHaveLength(100)
    for (const result of results)
      if (result.status !== 'ok')
        expect(result).toMatchObject({ error: { errorMessage: 'Account 1 has no 1 to give.' } })
    const { rows: sessions } = await client.query(
      'SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    expect(sessions.length).toBeLessThanOrEqual(16)
    expect(sessions).not.toContainEqual({ state: 'idle in transaction' })
  })
})
