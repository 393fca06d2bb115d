import { spawnSync } from 'node:child_process'
import { describe, expect, test } from '@jest/globals'
import { createContext, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { failureOf, handlerOf, testServer, until, untilIdle } from './support/server.ts'

// A certificate takes a tool that not every machine has.
const described = spawnSync('openssl', ['version']).status === 0 ? describe : describe.skip

described('a pool that speaks TLS', () => {
  const server = testServer({ tls: true })

  const trusting = () => ({ host: 'localhost', ssl: { ca: server.postgres.certificate } })

  test('connects with a certificate that is checked', async () => {
    const db = server.pool({ connections: 1, config: trusting() })
    const handler = handlerOf(
      db,
      async (db) => (await (await db.client()).query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows,
    )
    await expect(invoke(handler, undefined)).resolves.toEqual([{ ssl: true }])
  })

  test('refuses a certificate nobody has signed, and says what to give', async () => {
    const db = server.pool({ config: { ...trusting(), ssl: true } })
    const error = await failureOf(() =>
      invoke(
        handlerOf(db, (db) => db.client()),
        undefined,
      ),
    )
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false })
    expect((error as Error).message).toContain('config.ssl.ca')
  })

  const settings: [string, object][] = [
    ['negotiated', {}],
    ['direct', { sslnegotiation: 'direct' }],
  ]

  test.each(settings)('cancels over TLS too, %s', async (_name, how) => {
    const db = server.pool({ connections: 1, config: { ...trusting(), ...how } })
    const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT pg_sleep(60)'))
    const context = createContext({ getRemainingTimeInMillis: () => 300 })
    await expect(invoke(handler, undefined, { context })).rejects.toThrow('aborted')
    await until(async () => (await server.sessions()).every(({ state }) => state === 'idle'), 1_000)
    await expectNoLeaks()
    await untilIdle(db, 1)
  })
})
