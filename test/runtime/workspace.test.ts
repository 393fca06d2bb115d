import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type InvocationResult, type LocalRuntime, startRuntime } from 'middy-managed-instances/local'

const payloadOf = <T>(result: InvocationResult): T => {
  if (result.status !== 'ok') throw new Error(JSON.stringify(result))
  return result.payload as T
}

describe.each(['guarded', 'plain'])('a workspace on the real runtime, of a handler that is %s', (name) => {
  let runtime: LocalRuntime
  let root: string
  beforeAll(async () => {
    runtime = await startRuntime({
      handler: `test/runtime/fixtures/workspace.${name}`,
      workers: 4,
      privateTmp: true,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    root = join(runtime.tmp, 'middy-managed-instances')
  })
  afterAll(() => runtime?.stop())

  const entries = (): string[] => readdirSync(root).flatMap((lane) => readdirSync(join(root, lane)))

  const settled = async (): Promise<void> => {
    const end = performance.now() + 10_000
    while (entries().length > 0 && performance.now() < end) await wait(20)
    expect(entries()).toEqual([])
  }

  test('lies in the TMPDIR of the environment, private to its user, and is gone with the answer', async () => {
    const seen = payloadOf<{ path: string; root: string; modes: string[] }>(await runtime.invoke({ kind: 'describe' }))
    expect(seen.root).toBe(root)
    expect(seen.modes).toEqual(['700', '700', '700'])
    expect(existsSync(seen.path)).toBe(false)
  })

  test('takes the temporary files of a child process', async () => {
    const results = await runtime.burst(Array.from({ length: 16 }, () => ({ kind: 'child' })))
    for (const result of results) {
      const { made, path, found } = payloadOf<{ made: string; path: string; found: string[] }>(result)
      expect(dirname(made)).toBe(path)
      expect(found).toHaveLength(1)
      expect(existsSync(made)).toBe(false)
    }
    await settled()
  })

  test('that is large is out of reach with the answer, and deleted in the background', async () => {
    const { path } = payloadOf<{ path: string }>(await runtime.invoke({ kind: 'large', files: 800 }))
    const [left = 'nothing', ...others] = entries()
    expect(existsSync(path)).toBe(false)
    expect(left).toMatch(/^trash-/)
    expect(others).toEqual([])
    await settled()
  })
})
