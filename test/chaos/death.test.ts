import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, jest, test } from '@jest/globals'
import type { LocalRuntime } from 'middy-managed-instances/local'
import { parseDirectoryName, workspaceName } from '../../middlewares/workspace/directory-name.ts'
import { ownTmp, start, until, workspacesIn } from './fixtures/environment.ts'

jest.setTimeout(60_000)

const handler = 'test/chaos/fixtures/chaos.handler'
const grace = 700

const hold = (runtime: LocalRuntime, count: number, timeout: number, ms?: number): Promise<unknown>[] =>
  Array.from({ length: count }, (_, index) =>
    runtime.invoke({ kind: 'holds', id: `${index}`, ...(ms !== undefined && { ms }) }, { timeout }),
  )

/** Watches until all of these are gone, and gives those that went before deadline and grace had passed. */
const watchGoing = async (tmp: string, names: readonly string[], bound: number): Promise<string[]> => {
  const early: string[] = []
  const left = new Set(names)
  const end = performance.now() + bound
  while (left.size > 0 && performance.now() < end) {
    const present = new Set(workspacesIn(tmp))
    const now = Date.now()
    for (const name of left) {
      if (present.has(name)) continue
      left.delete(name)
      if (now < (parseDirectoryName(name)?.expires ?? 0) + grace) early.push(name)
    }
    await wait(20)
  }
  expect([...left]).toEqual([])
  return early
}

test('after a SIGKILL with 24 requests in flight, the next process removes their workspaces and no living one', async () => {
  const tmp = ownTmp()
  const killed = await start(tmp, { handler, workers: 4 })
  const lost = hold(killed, 24, 3_000)
  await until(() => workspacesIn(tmp).length === 24)
  killed.kill('SIGKILL')
  for (const result of await Promise.all(lost)) expect(result).toMatchObject({ status: 'unanswered' })
  const left = workspacesIn(tmp)
  expect(left).toHaveLength(24)
  // One of yet another process, which nobody knows of here.
  const living = workspaceName(Date.now() + 60_000)
  const lane = join(tmp, 'middy-managed-instances', 'w1')
  mkdirSync(join(lane, living))
  writeFileSync(join(lane, 'notes.txt'), 'foreign')

  const next = await start(tmp, { handler, workers: 8 })
  const held = hold(next, 32, 60_000, 5_000)
  await until(() => workspacesIn(tmp).length >= 32 + 2)
  expect(await watchGoing(tmp, left, 15_000)).toEqual([])
  expect(next.stats().workers.filter(({ requests }) => requests > 0).length).toBeGreaterThan(4)
  for (const [index, result] of (await Promise.all(held)).entries())
    expect(result).toMatchObject({ status: 'ok', payload: { id: `${index}`, held: true } })
  await until(() => workspacesIn(tmp).length === 2)
  expect(workspacesIn(tmp).sort()).toEqual([living, 'notes.txt'].sort())
  const complaints = next.logs().filter((line) => /RELEASE_FAILED|ManagedInstancesWarning/.test(line))
  expect(complaints).toEqual([])
})

test('after the death of one worker, another of the same process removes its workspaces and no living one', async () => {
  const tmp = ownTmp()
  const runtime = await start(tmp, { handler, workers: 2 })
  const short = hold(runtime, 16, 3_000, 2_500)
  await until(() => workspacesIn(tmp).length === 16)
  const before = workspacesIn(tmp)
  await expect(runtime.invoke({ kind: 'dies' })).resolves.toMatchObject({ status: 'unanswered' })
  const results = (await Promise.all(short)) as { status: string }[]
  const orphans = results.filter(({ status }) => status === 'unanswered').length
  expect(orphans).toBeGreaterThan(0)
  expect(results.filter(({ status }) => status === 'ok').length).toBe(16 - orphans)
  await until(() => workspacesIn(tmp).length <= orphans)
  const left = workspacesIn(tmp)
  expect(left).toHaveLength(orphans)
  expect(before).toEqual(expect.arrayContaining(left))

  const living = hold(runtime, 4, 60_000, 4_000)
  expect(await watchGoing(tmp, left, 15_000)).toEqual([])
  for (const result of await Promise.all(living))
    expect(result).toMatchObject({ status: 'ok', payload: { held: true } })
  await until(() => workspacesIn(tmp).length === 0)
})

test('a request that times out with streams nobody listens to does not end its worker', async () => {
  const tmp = ownTmp()
  const runtime = await start(tmp, { handler, workers: 1 })
  const other = runtime.invoke({ kind: 'holds', id: 'other', ms: 1_000 })
  const result = await runtime.invoke({ kind: 'pipes', id: 'a' }, { timeout: 400 })
  expect(['timeout', 'function-error']).toContain(result.status)
  expect(await other).toMatchObject({ status: 'ok', payload: { held: true } })
  expect(runtime.stats().workers).toMatchObject([{ alive: true, diedOf: undefined }])
  await until(() => workspacesIn(tmp).length === 0)
})
