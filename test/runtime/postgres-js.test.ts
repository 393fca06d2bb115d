import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, jest, test } from '@jest/globals'
import type { LocalRuntime } from 'middy-managed-instances/local'
import {
  type Cancelled,
  cancelledIn,
  endingsOf,
  freshTable,
  startOrders,
  watchSessions,
} from '../chaos/fixtures/database.ts'
import { postgresJsOrders } from '../chaos/fixtures/postgres.ts'
import { testServer, until } from '../database/support/server.ts'
import { enoughForOne } from './fixtures/orders.ts'
import { expectRecovery } from './fixtures/outage.ts'
import { testRotation } from './fixtures/rotation.ts'
import { many } from './fixtures/shared-clients.ts'

jest.setTimeout(60_000)

const server = testServer({ maxConnections: 60 })
const orders = postgresJsOrders(server)

const areAlive = (runtime: LocalRuntime): boolean => runtime.stats().workers.every(({ alive }) => alive)

describe.each([4, 8])('postgresJs() on the real runtime with %p workers', (workers) => {
  test('opens no connection for requests without a query', async () => {
    const runtime = await startOrders(orders, { workers })
    await runtime.burst(many(128, (id) => ({ kind: 'untouched', id })))
    expect(await orders.sessions()).toEqual([])
  })

  test('keeps, of 600 transactions with a quarter rolled back, every commit and no other', async () => {
    await freshTable(orders)
    const runtime = await startOrders(orders, { workers })
    const watch = watchSessions(orders)
    const events = many(600, (id) => ({
      kind: id % 4 === 0 ? 'rollsBack' : 'commits',
      id,
      tenant: `tenant-${id % 7}`,
      pause: id % 3,
    }))
    expect(endingsOf(await runtime.burst(events))).toEqual({ ok: 600 })
    const kept = events
      .filter(({ kind }) => kind === 'commits')
      .map(({ id, tenant }) => ({ id, tenant, confirmed: tenant }))
    expect(await server.ask('SELECT id, tenant, confirmed FROM orders ORDER BY id')).toEqual(kept)
    expect(await watch.most()).toBeLessThanOrEqual(16)
  })

  test('shows nobody the session that a request has changed', async () => {
    const runtime = await startOrders(orders, { workers })
    expect(endingsOf(await runtime.burst(many(80, (id) => ({ kind: 'leavesSession', id }))))).toEqual({ ok: 80 })
    for (const result of await runtime.burst(many(160, () => ({ kind: 'looks' }))))
      expect(result).toMatchObject({ status: 'ok', payload: { path: '"$user", public', scratch: null, locks: 0 } })
  })

  test('loses no worker when all connections are killed while 64 queries run, and the next 64 are right', async () => {
    const runtime = await startOrders(orders, { workers })
    await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
    const sleeping = runtime.burst(many(64, (id) => ({ kind: 'sleeps', id, seconds: 0.5 })))
    await until(async () => (await orders.sessions()).filter(({ query }) => query.includes('pg_sleep')).length >= 12)
    await orders.killAll()
    const endings = endingsOf(await sleeping)
    expect((endings['ok'] ?? 0) + (endings['function-error'] ?? 0)).toBe(64)
    expect(endings['function-error']).toBeGreaterThanOrEqual(12)
    const next = await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
    expect(next.map((result) => (result.status === 'ok' ? result.payload : result))).toEqual(many(64, (id) => ({ id })))
    expect(areAlive(runtime)).toBe(true)
  })
})

test.each([4, 8])(
  'postgresJs() serves within a second of the return of a server that went away under load, with %p workers',
  (workers) => expectRecovery(orders, workers),
)

test('postgresJs() has queries that run past their deadlines cancelled on the server within 100 ms', async () => {
  const runtime = await startOrders(orders, { workers: 4, connections: enoughForOne, timeout: 1_000 })
  await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
  const told = (): Cancelled[] => cancelledIn(runtime)
  // On a busy machine one burst may be late, but not every one.
  const medians: number[] = []
  for (let burst = 0; burst < 3 && !medians.some((median) => median < 100); burst++) {
    const before = told().length
    expect(endingsOf(await runtime.burst(many(8, (id) => ({ kind: 'overruns', id }))))).not.toHaveProperty('ok')
    await until(async () => told().length === before + 8)
    const times = told()
      .slice(before)
      .map(({ after }) => after)
    medians.push(times.sort((left, right) => left - right)[4] ?? Number.NaN)
  }
  expect(Math.min(...medians)).toBeLessThan(100)
  expect(new Set(told().map(({ cancelled }) => cancelled))).toEqual(new Set([orders.cancelled]))
  await until(async () => (await orders.sessions()).every(({ state }) => state === 'idle'))
  expect(endingsOf(await runtime.burst(many(64, (id) => ({ kind: 'answers', id }))))).toEqual({ ok: 64 })
})

test('postgresJs() loses no worker to queries and transactions that are cancelled and nobody awaits', async () => {
  // So that they fail while an onError still runs.
  const runtime = await startOrders(orders, { workers: 4, timeout: 700, env: { EARLY_TIMEOUT: '200' } })
  // With two connections each, of the four of a worker.
  expect(endingsOf(await runtime.burst(many(2, (id) => ({ kind: 'forgets', id }))))).not.toHaveProperty('ok')
  await until(async () => (await orders.sessions()).every(({ state }) => state === 'idle'))
  expect(endingsOf(await runtime.burst(many(64, (id) => ({ kind: 'answers', id }))))).toEqual({ ok: 64 })
  expect(areAlive(runtime)).toBe(true)
})

test('postgresJs() rolls the transaction of a zombie back, and has its connection again before it ends', async () => {
  await freshTable(orders)
  const runtime = await startOrders(orders, { workers: 4, timeout: 500 })
  await runtime.burst(many(16, (id) => ({ kind: 'zombie', id, tenant: 'zombie' })))
  const ended = performance.now()
  await until(async () => (await orders.sessions()).every(({ state }) => state === 'idle'))
  // Their callbacks go on for 300 ms.
  expect(performance.now() - ended).toBeLessThan(250)
  expect(endingsOf(await runtime.burst(many(64, (id) => ({ kind: 'answers', id }))))).toEqual({ ok: 64 })
  await wait(400)
  expect(await server.ask('SELECT count(*)::int AS count FROM orders')).toEqual([{ count: 0 }])
  expect(runtime.logs().filter((line) => line.includes('FOUL'))).toEqual([])
  expect(areAlive(runtime)).toBe(true)
})

testRotation('postgresJs()', orders)

test('postgresJs() lets requests finish at SIGTERM, with the preload, and ends every session', async () => {
  const runtime = await startOrders(orders, {
    workers: 4,
    connections: enoughForOne,
    nodeOptions: ['--import', 'middy-managed-instances/preload'],
    env: { MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT: '4000' },
  })
  await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
  const sleeping = runtime.burst(many(8, (id) => ({ kind: 'sleeps', id, seconds: 1 })))
  await until(async () => (await orders.sessions()).filter(({ query }) => query.includes('pg_sleep')).length === 8)
  runtime.kill('SIGTERM')
  expect(endingsOf(await sleeping)).toEqual({ ok: 8 })
  await runtime.exited
  await until(async () => (await orders.sessions()).length === 0, 500)
})
