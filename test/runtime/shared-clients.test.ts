import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { LocalRuntime, RuntimeOptions } from 'middy-managed-instances/local'
import { endingsOf } from '../chaos/fixtures/database.ts'
import { hasRedis, type Redis, startRedis } from '../database/support/redis.ts'
import { until } from '../database/support/server.ts'
import { many, startFunction } from './fixtures/shared-clients.ts'

jest.setTimeout(60_000)

/** Milliseconds that the server is away; node-redis gives a command up after 5,000. */
const outage = 500
const described = hasRedis() ? describe : describe.skip

described('a Redis client shared by the requests of each worker, on the real runtime', () => {
  let server: Redis
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.stop())

  const start = (options: Omit<RuntimeOptions, 'handler'> = {}): Promise<LocalRuntime> =>
    startFunction({ handler: 'test/runtime/fixtures/redis.handler', env: { CACHE_URL: server.url }, ...options })

  const expectRight = async (runtime: LocalRuntime): Promise<void> => {
    const results = await runtime.burst(many(64, (id) => ({ id })))
    expect(results.map((result) => (result.status === 'ok' ? result.payload : result))).toEqual(
      many(64, (id) => ({ id })),
    )
  }

  test.each([4, 8])('is opened by use alone, once in each of %p workers', async (workers) => {
    const runtime = await start({ workers })
    await runtime.burst(many(64, (id) => ({ id, kind: 'untouched' })))
    expect(await server.clients('function')).toBe(0)
    await expectRight(runtime)
    await expectRight(runtime)
    expect(await server.clients('function')).toBe(workers)
  })

  test('outlives a server that dies and starts again, with every worker', async () => {
    const runtime = await start()
    await expectRight(runtime)
    await server.halt()
    const during = runtime.burst(
      many(64, (id) => ({ id })),
      { timeout: outage + 10_000 },
    )
    await wait(outage)
    await server.resume()
    expect(endingsOf(await during)).toEqual({ ok: 64 })
    await expectRight(runtime)
    expect(runtime.stats().workers.every(({ alive }) => alive)).toBe(true)
    expect(runtime.logs().some((line) => line.includes('DATABASE_CLIENT_ERROR'))).toBe(true)
  })

  test('is of no use to a zombie', async () => {
    const runtime = await start({ workers: 4, timeout: 1_500 })
    await expectRight(runtime)
    await runtime.burst(many(4, (id) => ({ id, kind: 'zombie' })))
    await until(async () => runtime.logs().filter((line) => line.includes('told REQUEST_ENDED')).length === 4)
  })

  test('is closed at SIGTERM, with the preload', async () => {
    const runtime = await start({ workers: 4, nodeOptions: ['--import', 'middy-managed-instances/preload'] })
    await expectRight(runtime)
    runtime.kill('SIGTERM')
    await runtime.exited
    await until(async () => (await server.clients('function')) === 0, 500)
  })
})
