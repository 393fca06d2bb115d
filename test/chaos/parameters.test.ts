import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { LocalRuntime } from 'middy-managed-instances/local'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'
import { type Burst, burst } from '../runtime/fixtures/parameters.ts'
import { ownTmp, start } from './fixtures/environment.ts'

jest.setTimeout(60_000)

const latency = 250
const lease = 1_000
/** For what a busy machine adds to a wait. */
const slack = 1_500

let backend: Backend
beforeEach(async () => {
  backend = await startBackend({ latency })
})
afterEach(() => backend.stop())

const startWith = (handler: string): Promise<LocalRuntime> =>
  start(ownTmp(), { handler: `test/chaos/fixtures/${handler}.handler`, workers: 8, concurrency: 64, env: backend.env })

/** How many calls there were for one name, path or secret. */
const callsFor = (name: string): number =>
  [...backend.calls].filter(({ request }) => {
    const { Names = [], Path, SecretId } = request as { Names?: string[]; Path?: string; SecretId?: string }
    return [...Names, Path, SecretId].includes(name)
  }).length

/** In how many milliseconds an error says that there will be another fetch. */
const stepOf = (failure: string): number => {
  const [, step, unit] = /fetched again in ([\d.]+) (m?s)/.exec(failure) ?? []
  return Number(step) * (unit === 's' ? 1_000 : 1)
}

const serve = (name: string): void => void backend.parameters.set(name, { value: 'uploads' })
const served = { failures: [], values: [{ bucket: 'uploads' }] }

test('in an outage of 3 seconds after expiry no request fails or waits, and each source makes 12 calls at most', async () => {
  for (const name of ['/outage', '/outage/once', '/path/name', '/path/once/name']) serve(name)
  for (const id of ['outage', 'outage/once']) backend.secrets.set(id, { string: 'uploads' })
  const runtime = await startWith('parameters')
  expect(await burst(runtime, { kind: 'outage' })).toMatchObject({ failures: [], workers: 8 })
  await wait(1_000)
  backend.calls.reset()
  backend.fail('throttling', { operation: 'GetParameters' })
  backend.fail('internal error', { operation: 'GetParametersByPath' })
  backend.fail('drop', { service: 'secretsmanager' })
  const bursts: Burst[] = []
  const end = performance.now() + 3_000
  while (performance.now() < end) {
    bursts.push(await burst(runtime, { kind: 'outage' }))
    await wait(20)
  }
  expect(bursts.flatMap(({ failures }) => failures)).toEqual([])
  expect(Math.max(...bursts.map(({ waited }) => waited))).toBeLessThan(latency / 2)
  const retried = ['/outage', '/path', 'outage'].map(callsFor)
  expect(Math.max(...retried)).toBeLessThanOrEqual(12)
  // Without the SDK's retries there is one call at once, and one after each step of the back-off.
  const once = ['/outage/once', '/path/once', 'outage/once'].map(callsFor)
  expect(Math.min(...once, ...retried)).toBeGreaterThanOrEqual(2)
  expect(Math.max(...once)).toBeLessThanOrEqual(4)
})

test('in an outage longer than staleIfError requests fail and say why, and recover within one step of the back-off', async () => {
  serve('/too-long')
  const runtime = await startWith('parameters')
  expect(await burst(runtime, { kind: 'tooLong' })).toMatchObject(served)
  const [fetched] = backend.calls
  const burstAt = async (age: number): Promise<Burst> => {
    await wait((fetched?.at ?? 0) + age - Date.now())
    return burst(runtime, { kind: 'tooLong' })
  }
  backend.fail('throttling')
  expect(await burstAt(700)).toMatchObject(served)
  expect(await burstAt(1_600)).toMatchObject(served)
  const tooLate = await burstAt(2_600)
  expect(tooLate).toMatchObject({ failed: 64, values: [] })
  for (const failure of tooLate.failures)
    expect(failure).toMatch(
      /^function-error: ssm\("\/too-long"\) by client 1: .* failed \(ThrottlingException: Rate exceeded\), and the value kept is [2-4]\.\d s old, which is too old to serve\. It is fetched again in/,
    )
  const announced = tooLate.failures.map(stepOf)
  backend.recover()
  const recovered = performance.now()
  let next = await burst(runtime, { kind: 'tooLong' })
  while (next.failed > 0) {
    await wait(20)
    next = await burst(runtime, { kind: 'tooLong' })
  }
  expect(next).toMatchObject(served)
  expect(performance.now() - recovered).toBeLessThan(Math.max(...announced) + latency + slack)
})

test('when the worker that fetches dies, another fetches within one lease, and only the requests of the dead one are lost', async () => {
  serve('/dies')
  const runtime = await startWith('parameters')
  const answers = await burst(runtime, { kind: 'dies' })
  const { workers } = runtime.stats()
  expect(workers.filter(({ alive }) => !alive)).toHaveLength(1)
  const dead = workers.findIndex(({ alive }) => !alive)
  expect(answers).toMatchObject({ failed: workers[dead]?.requests, values: [{ bucket: 'uploads' }], workers: 8 })
  expect(answers.failures).toEqual([
    `unanswered: Error: worker ${dead} died of an uncaught error: RangeError: uncaught`,
  ])
  expect(answers.waited).toBeLessThan(lease + latency + slack)
  expect(backend.calls.count()).toBe(2)
  expect(await burst(runtime, { kind: 'dies' })).toMatchObject({ ...served, workers: 7 })
  expect(backend.calls.count()).toBe(2)
})

test.each([
  ['after it has sent the call', 'blocks'],
  ['before it has sent the call', 'blocksAtOnce'],
])('when the worker that fetches is blocked for 3 seconds %s, another fetches within one lease', async (_, kind) => {
  serve(`/${kind}`)
  const runtime = await startWith('parameters')
  const answers = await burst(runtime, { kind })
  expect(answers).toMatchObject({ ...served, workers: 8 })
  const others = answers.waitedByWorker.slice(0, 7)
  expect(Math.max(...others)).toBeLessThan(lease + latency + slack)
  expect(answers.waited).toBeGreaterThan(2_500)
  expect(await burst(runtime, { kind })).toMatchObject(served)
  expect(backend.calls.count()).toBe(2)
})

test('a worker that loads later than the others is told what they have fetched', async () => {
  serve('/late')
  const runtime = await startWith('late')
  expect(await burst(runtime, {})).toMatchObject({ ...served, workers: 8 })
  expect(backend.calls.count()).toBe(1)
})

test('where the SDK takes longer to load than a lease lasts there is one call, and whoever has loaded it makes the next', async () => {
  const loading = 1_500
  serve('/slow-sdk')
  const runtime = await startWith('slow-sdk')
  const cold = await burst(runtime, {})
  expect(cold).toMatchObject({ ...served, workers: 8 })
  expect(cold.waited).toBeLessThan(2 * loading + lease + latency + slack)
  expect(backend.calls.count()).toBe(1)
  const durations: number[] = []
  while (backend.calls.count() < 3) {
    const results = await runtime.burst(Array<object>(64).fill({}))
    durations.push(...results.map(({ durationMs }) => durationMs))
    await wait(20)
  }
  expect(Math.max(...durations)).toBeLessThan(loading)
})
