import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, jest, test } from '@jest/globals'
import { endingsOf, freshTable, sessionsOf, startOrders, watchSessions } from '../chaos/fixtures/database.ts'
import { testServer, until } from '../database/support/server.ts'

jest.setTimeout(60_000)

const server = testServer({ maxConnections: 60 })
const outage = Number(process.env['DATABASE_OUTAGE'] ?? 1_500)

const many = <E>(count: number, event: (index: number) => E): E[] =>
  Array.from({ length: count }, (_, index) => event(index))

const untouched = {
  path: '"$user", public',
  memory: '4MB',
  role: 'postgres',
  scratch: null,
  locks: 0,
  channels: 0,
  transaction: null,
}

describe.each([4, 8])('on the real runtime with %p workers', (workers) => {
  test('requests without a query open no connection', async () => {
    const runtime = await startOrders(server, { workers })
    await runtime.burst(many(128, (id) => ({ kind: 'untouched', id })))
    expect(await sessionsOf(server)).toEqual([])
  })

  test('of 600 transactions, a quarter rolled back, every commit and no other is kept', async () => {
    await freshTable(server)
    const runtime = await startOrders(server, { workers })
    const watch = watchSessions(server)
    const events = many(600, (id) => ({
      kind: id % 4 === 0 ? 'rollsBack' : 'commits',
      id,
      tenant: `tenant-${id % 7}`,
      pause: id % 3,
    }))
    const results = await runtime.burst(events)
    expect(endingsOf(results)).toEqual({ ok: 600 })
    const rows = await server.ask('SELECT id, tenant, confirmed FROM orders ORDER BY id')
    const kept = events
      .filter(({ kind }) => kind === 'commits')
      .map(({ id, tenant }) => ({ id, tenant, confirmed: tenant }))
    expect(rows).toEqual(kept)
    expect(await watch.most()).toBeLessThanOrEqual(16)
  })

  test('80 requests that leave transactions and sessions in disorder show the next nothing of it', async () => {
    await freshTable(server)
    const runtime = await startOrders(server, { workers })
    const leaving = many(80, (id) => ({ kind: id % 2 ? 'leavesTransaction' : 'leavesSession', id, tenant: 'leak' }))
    expect(endingsOf(await runtime.burst(leaving))).toEqual({ ok: 80 })
    const looks = await runtime.burst(many(160, () => ({ kind: 'looks' })))
    for (const result of looks) expect(result).toMatchObject({ status: 'ok', payload: untouched })
    expect((await sessionsOf(server)).map(({ state }) => state).filter((state) => state !== 'idle')).toEqual([])
    expect(await server.ask('SELECT count(*)::int AS count FROM orders')).toEqual([{ count: 0 }])
    expect(runtime.logs().filter((line) => line.includes('LEASE_LEAK'))).toHaveLength(40)
  })

  test('all connections killed while 64 queries run end no worker, and the next 64 are right', async () => {
    const runtime = await startOrders(server, { workers })
    const sleeping = runtime.burst(many(64, (id) => ({ kind: 'sleeps', id, seconds: 0.5 })))
    await until(async () => (await sessionsOf(server)).filter(({ query }) => query.includes('pg_sleep')).length >= 12)
    await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orders'")
    const endings = endingsOf(await sleeping)
    expect((endings['ok'] ?? 0) + (endings['function-error'] ?? 0)).toBe(64)
    const next = await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
    expect(next.map((result) => (result.status === 'ok' ? result.payload : result))).toEqual(many(64, (id) => ({ id })))
    expect(runtime.stats().workers.every(({ alive }) => alive)).toBe(true)
  })
})

test('fewer connections than workers end the start with an error that names both and what to change', async () => {
  const start = startOrders(server, { workers: 8, connections: 4 })
  await expect(start).rejects.toThrow(
    /at least 8.*8 workers \(raise it to 8, or set AWS_LAMBDA_NODEJS_WORKER_COUNT to 4\), received 4/,
  )
})

test('a server that stops and starts again under load fails no worker, and serves within a second', async () => {
  const runtime = await startOrders(server)
  await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
  await server.postgres.halt()
  const during = runtime.burst(
    many(64, (id) => ({ kind: 'answers', id })),
    { timeout: outage + 10_000 },
  )
  await wait(outage)
  const returned = performance.now()
  await server.postgres.resume()
  expect(endingsOf(await during)).toEqual({ ok: 64 })
  expect(performance.now() - returned).toBeLessThan(1_000)
  expect(runtime.stats().workers.every(({ alive }) => alive)).toBe(true)
})

test('queries that run past their deadlines are cancelled on the server within 100 ms', async () => {
  const runtime = await startOrders(server, { workers: 4, timeout: 1_000 })
  await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
  const cancelled = (): { cancelled: string; after: number }[] =>
    runtime
      .logs()
      .flatMap((line) => /\{"cancelled.*?\}/.exec(line.replaceAll('\\', ''))?.map((text) => JSON.parse(text)) ?? [])
  // On a busy machine one burst may be late, but not every one.
  const medians: number[] = []
  for (let burst = 0; burst < 3 && !medians.some((median) => median < 100); burst++) {
    const before = cancelled().length
    expect(endingsOf(await runtime.burst(many(8, () => ({ kind: 'overruns' }))))).not.toHaveProperty('ok')
    await until(async () => cancelled().length === before + 8)
    const times = cancelled()
      .slice(before)
      .map(({ after }) => after)
    medians.push(times.sort((left, right) => left - right)[4] ?? Number.NaN)
  }
  expect(Math.min(...medians)).toBeLessThan(100)
  expect(new Set(cancelled().map(({ cancelled }) => cancelled))).toEqual(new Set(['57014']))
  await until(async () => (await sessionsOf(server)).every(({ state }) => state === 'idle'))
  expect(endingsOf(await runtime.burst(many(64, (id) => ({ kind: 'answers', id }))))).toEqual({ ok: 64 })
})

test('a password that changes under load fails no request that comes after the new secret', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'database-test-'))
  try {
    const secretFile = join(directory, 'secret.json')
    const rotate = async (password: string): Promise<void> => {
      await server.ask(`ALTER ROLE rotated PASSWORD '${password}'`)
      writeFileSync(secretFile, JSON.stringify({ username: 'rotated', password, engine: 'postgres' }))
    }
    await server.ask('CREATE ROLE rotated LOGIN')
    await rotate('first')
    // Every use of a connection is its last, so that there is always one to open.
    const runtime = await startOrders(server, { secretFile, workers: 4, pool: { maxLifetime: 0 } })
    const events = many(128, (id) => ({ kind: 'answers', id }))
    for (const password of ['second', 'third', 'fourth']) {
      const during = runtime.burst(events)
      await rotate(password)
      // Those whose refresh came before the secret was changed may fail; no later one does.
      for (const { status } of await during) expect(['ok', 'function-error']).toContain(status)
      expect(endingsOf(await runtime.burst(events))).toEqual({ ok: events.length })
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('at SIGTERM the preload lets requests finish and ends every session', async () => {
  const runtime = await startOrders(server, {
    workers: 4,
    nodeOptions: ['--import', 'middy-managed-instances/preload'],
  })
  await runtime.burst(many(64, (id) => ({ kind: 'answers', id })))
  const sleeping = runtime.burst(many(8, (id) => ({ kind: 'sleeps', id, seconds: 0.3 })))
  await until(async () => (await sessionsOf(server)).filter(({ query }) => query.includes('pg_sleep')).length === 8)
  runtime.kill('SIGTERM')
  expect(endingsOf(await sleeping)).toEqual({ ok: 8 })
  await runtime.exited
  await until(async () => (await sessionsOf(server)).length === 0, 500)
})
