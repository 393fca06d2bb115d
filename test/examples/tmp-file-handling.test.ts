import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import { handler } from '../../examples/tmp-file-handling.ts'

const texts = Array.from({ length: 64 }, (_, index) => ({ text: `line of request ${index}\n`.repeat(index + 1) }))

const workspacesIn = (directory: string): string[] => {
  const root = join(directory, 'middy-managed-instances')
  return existsSync(root) ? readdirSync(root).flatMap((lane) => readdirSync(join(root, lane))) : []
}

describe('examples/tmp-file-handling', () => {
  afterEach(() => expectNoLeaks())

  it('answers every overlapping request about its own file in a unit test', async () => {
    const before = workspacesIn(tmpdir())
    const results = await invokeConcurrently(handler, texts)
    for (const [index, result] of results.entries())
      expect(result).toMatchObject({ status: 'fulfilled', value: { plain: texts[index]?.text.length } })
    expect(workspacesIn(tmpdir()).filter((name) => !before.includes(name))).toEqual([])
  })

  it('answers every overlapping request about its own file on the real runtime, and leaves nothing', async () => {
    const runtime = await startRuntime({
      handler: 'examples/tmp-file-handling.handler',
      workers: 4,
      privateTmp: true,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(texts)
      for (const [index, result] of results.entries())
        expect(result).toMatchObject({ status: 'ok', payload: { plain: texts[index]?.text.length } })
      expect(existsSync(join(runtime.tmp, 'middy-managed-instances'))).toBe(true)
      expect(workspacesIn(runtime.tmp)).toEqual([])
    } finally {
      await runtime.stop()
    }
  })
})
