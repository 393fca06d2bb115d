import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'
import { burst } from './fixtures/parameters.ts'

jest.setTimeout(60_000)

const latency = 250
/** A request that has not waited for the backend: the rest is a busy machine. */
const atOnce = latency / 2
/** Of AppConfig, in milliseconds. */
const shortestPollInterval = 15_000
const flags = { application: 'orders', environment: 'test', profile: 'flags' }

describe('parameters on the real runtime, with 8 workers and 64 requests at once', () => {
  let backend: Backend
  let runtime: LocalRuntime
  let polled = 0

  beforeAll(async () => {
    backend = await startBackend({ latency })
    runtime = await startRuntime({
      handler: 'test/runtime/fixtures/parameters.handler',
      workers: 8,
      concurrency: 64,
      privateTmp: true,
      env: backend.env,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
  })
  afterAll(async () => {
    await runtime?.stop()
    await backend?.stop()
  })

  beforeEach(() => backend.calls.reset())

  const calls = (): number => backend.calls.count()
  /** Waits for that many answers, and for all workers to have heard of the last. */
  const untilAnswered = async (count: number): Promise<void> => {
    while ([...backend.calls].filter(({ status }) => status !== undefined).length < count) await wait(5)
    await wait(100)
  }

  test('a cold burst makes one call', async () => {
    backend.parameters.set('/orders/bucket', { value: 'uploads' })
    const answers = await burst(runtime, { kind: 'one' })
    expect(answers).toMatchObject({ failures: [], values: [{ bucket: 'uploads' }], workers: 8 })
    expect(calls()).toBe(1)
  })

  test('a cold burst starts one session of AppConfig', async () => {
    backend.configurations.set(flags, { content: '{"version":1}' })
    const answers = await burst(runtime, { kind: 'flags' })
    expect(answers).toMatchObject({ failures: [], values: [{ flags: { version: 1 } }], workers: 8 })
    const operations = [...backend.calls].map(({ operation }) => operation)
    expect(operations).toEqual(['StartConfigurationSession', 'GetLatestConfiguration'])
    polled = Date.now()
  })

  test('a cold burst for twelve names makes two calls', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`)
    for (const index of names.keys()) backend.parameters.set(`/twelve/${index}`, { value: `value ${index}` })
    const answers = await burst(runtime, { kind: 'twelve' })
    const values = Object.fromEntries(names.map((name, index) => [name, `value ${index}`]))
    expect(answers).toMatchObject({ failures: [], values: [values], workers: 8 })
    expect(calls()).toBe(2)
  })

  test('a burst at expiry makes one call that no request waits for, and the next burst has the new value', async () => {
    backend.parameters.set('/orders/rows', { value: '1' })
    await burst(runtime, { kind: 'brief' })
    expect(calls()).toBe(1)
    backend.calls.reset()
    backend.parameters.set('/orders/rows', { value: '2' })
    await wait(1_000)
    const atExpiry = await burst(runtime, { kind: 'brief' })
    expect(atExpiry).toMatchObject({ failures: [], workers: 8 })
    expect(atExpiry.waited).toBeLessThan(atOnce)
    await untilAnswered(1)
    const next = await burst(runtime, { kind: 'brief' })
    expect(next).toMatchObject({ failures: [], values: [{ rows: '2' }] })
    expect(next.waited).toBeLessThan(atOnce)
    expect(calls()).toBe(1)
  })

  test('a value in use is fetched ahead of its expiry by one worker, and an idle process makes no call', async () => {
    backend.parameters.set('/orders/rate', { value: '1' })
    await burst(runtime, { kind: 'ahead' })
    await wait(700)
    expect((await burst(runtime, { kind: 'ahead' })).waited).toBeLessThan(atOnce)
    await untilAnswered(2)
    expect(calls()).toBe(2)
    await wait(3_000)
    expect(calls()).toBe(2)
  })

  test.each([
    ['hundred', 'parameters', 10],
    ['hundredSecrets', 'secrets', 100],
  ])(
    'a cold burst for a %s %s gets by with a backend that throttles above 10 parallel calls',
    async (kind, _, least) => {
      for (let index = 0; index < 100; index++) {
        backend.parameters.set(`/hundred/${index}`, { value: `${index}` })
        backend.secrets.set(`hundred/${index}`, { string: `${index}` })
      }
      backend.throttleAbove(10)
      const answers = await burst(runtime, { kind })
      backend.recover()
      const values = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, `${index}`]))
      expect(answers).toMatchObject({ failures: [], values: [values] })
      expect([...backend.calls].filter(({ status }) => status === 200)).toHaveLength(least)
    },
  )

  test.each([
    ['that is not shared', 'unshared', '/unshared'],
    ['of a client that was made within a request', 'ofRequest', '/of-request'],
  ])('a parameter %s is fetched by each worker', async (_, kind, name) => {
    backend.parameters.set(name, { value: 'uploads' })
    const answers = await burst(runtime, { kind })
    expect(answers).toMatchObject({ failures: [], values: [{ bucket: 'uploads' }], workers: 8 })
    expect(calls()).toBe(8)
  })

  test('whichever worker polls AppConfig next goes on with the one session', async () => {
    backend.configurations.set(flags, { content: '{"version":2}' })
    await wait(polled + shortestPollInterval - Date.now())
    const atExpiry = await burst(runtime, { kind: 'flags' })
    expect(atExpiry).toMatchObject({ failures: [], workers: 8 })
    expect(atExpiry.waited).toBeLessThan(atOnce)
    await untilAnswered(1)
    expect(await burst(runtime, { kind: 'flags' })).toMatchObject({ failures: [], values: [{ flags: { version: 2 } }] })
    expect([...backend.calls]).toMatchObject([{ operation: 'GetLatestConfiguration', status: 200 }])
  })

  test('a secret that rotates under load is fetched again once or twice for all', async () => {
    backend.secrets.set('orders/api-token', { string: 'one' })
    expect(await burst(runtime, { kind: 'connects', accepted: 'one' })).toMatchObject({ failures: [] })
    expect(calls()).toBe(1)
    backend.calls.reset()
    backend.secrets.rotate('orders/api-token', { string: 'two' })
    const answers = await burst(runtime, { kind: 'connects', accepted: 'two' }, 4)
    expect(answers).toMatchObject({ failures: [], values: [{ token: 'two' }], workers: 8 })
    expect([1, 2]).toContain(calls())
  })

  test('a shared loader runs once, outside any request, and nothing else is logged', async () => {
    expect(await burst(runtime, { kind: 'logs' })).toMatchObject({ failures: [], values: [{ rows: 1 }], workers: 8 })
    const lines = runtime.logs()
    expect(lines).toMatchObject([expect.stringContaining('loading')])
    expect(runtime.logs('-')).toEqual(lines)
  })
})
