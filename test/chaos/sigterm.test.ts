import { expect, jest, test } from '@jest/globals'
import { ownTmp, start, until, workspacesIn } from './fixtures/environment.ts'

jest.setTimeout(30_000)

const handler = 'test/chaos/fixtures/chaos.handler'
const preload = ['--import', 'middy-managed-instances/preload']

const durationOf = async (ended: Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await ended
  return performance.now() - started
}

test('SIGTERM with the preload lets short requests finish, aborts the others, leaves nothing and ends in time', async () => {
  const tmp = ownTmp()
  const bound = 5_000
  const env = { MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT: `${bound}` }
  const runtime = await start(tmp, { handler, workers: 4, nodeOptions: preload, stopTimeout: 10_000, env })
  const finishing = Array.from({ length: 8 }, (_, id) => runtime.invoke({ kind: 'holds', id: `${id}`, ms: 1_200 }))
  const listening = Array.from({ length: 8 }, (_, id) => runtime.invoke({ kind: 'listens', id: `${id}` }))
  const hanging = Array.from({ length: 8 }, (_, id) => runtime.invoke({ kind: 'holds', id: `${id}` }))
  await until(() => workspacesIn(tmp).length === 24)
  runtime.kill('SIGTERM')
  const took = await durationOf(runtime.exited)
  expect(await runtime.exited).toMatchObject({ signal: 'SIGTERM' })
  expect(took).toBeLessThan(bound + 1_000)
  for (const [id, result] of (await Promise.all(finishing)).entries())
    expect(result).toMatchObject({ status: 'ok', payload: { id: `${id}`, held: true } })
  for (const result of await Promise.all(listening)) expect(result).toMatchObject({ status: 'function-error' })
  await Promise.all(hanging)
  expect(workspacesIn(tmp)).toEqual([])
})

test('SIGTERM with the preload ends within 1500 ms by default, though every request hangs', async () => {
  const tmp = ownTmp()
  const runtime = await start(tmp, { handler, workers: 4, nodeOptions: preload, stopTimeout: 10_000 })
  const hanging = Array.from({ length: 16 }, (_, id) => runtime.invoke({ kind: 'holds', id: `${id}` }))
  await until(() => workspacesIn(tmp).length === 16)
  runtime.kill('SIGTERM')
  expect(await durationOf(runtime.exited)).toBeLessThan(2_500)
  await Promise.all(hanging)
  expect(workspacesIn(tmp)).toEqual([])
})

test('SIGTERM with the preload aborts in the middle of its bound, and ends when all have stopped', async () => {
  const tmp = ownTmp()
  const env = { MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT: '6000' }
  const runtime = await start(tmp, { handler, workers: 2, nodeOptions: preload, stopTimeout: 10_000, env })
  const listening = Array.from({ length: 8 }, (_, id) => runtime.invoke({ kind: 'listens', id: `${id}` }))
  await until(() => workspacesIn(tmp).length === 8)
  runtime.kill('SIGTERM')
  const took = await durationOf(runtime.exited)
  expect(took).toBeGreaterThan(2_500)
  expect(took).toBeLessThan(4_000)
  for (const result of await Promise.all(listening)) expect(result).toMatchObject({ status: 'function-error' })
  expect(workspacesIn(tmp)).toEqual([])
})

test('SIGTERM with the preload waits for deletions in the background', async () => {
  const tmp = ownTmp()
  const env = { MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT: '15000' }
  const runtime = await start(tmp, { handler, workers: 2, nodeOptions: preload, stopTimeout: 20_000, env })
  const results = await runtime.burst(Array.from({ length: 48 }, (_, id) => ({ kind: 'tree', id: `${id}` })))
  runtime.kill('SIGTERM')
  await runtime.exited
  for (const result of results) expect(result).toMatchObject({ status: 'ok' })
  expect(workspacesIn(tmp)).toEqual([])
})

test.each([
  ['with nothing in flight', true],
  ['before any request', false],
])('SIGTERM with the preload ends at once %s', async (_, used) => {
  const tmp = ownTmp()
  const runtime = await start(tmp, { handler, workers: 4, nodeOptions: preload, stopTimeout: 10_000 })
  if (used) await runtime.burst(Array.from({ length: 16 }, (_, id) => ({ kind: 'untouched', id: `${id}` })))
  runtime.kill('SIGTERM')
  expect(await durationOf(runtime.exited)).toBeLessThan(1_500)
  expect(await runtime.exited).toMatchObject({ signal: 'SIGTERM' })
})

test('without the preload nothing sees SIGTERM, and the sweep of the next process is what removes the rest', async () => {
  const tmp = ownTmp()
  const runtime = await start(tmp, { handler, workers: 2 })
  const lost = Array.from({ length: 8 }, (_, id) => runtime.invoke({ kind: 'holds', id: `${id}` }, { timeout: 1_000 }))
  await until(() => workspacesIn(tmp).length === 8)
  runtime.kill('SIGTERM')
  await Promise.all([...lost, runtime.exited])
  expect(workspacesIn(tmp)).toHaveLength(8)
  const next = await start(tmp, { handler, workers: 1 })
  await next.invoke({ kind: 'untouched', id: 'a' })
  await until(() => workspacesIn(tmp).length === 0)
})
