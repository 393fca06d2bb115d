import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import { handler } from '../../examples/tmp-file-handling.ts'
import { until, workspacesIn } from '../chaos/fixtures/environment.ts'

const texts = Array.from({ length: 64 }, (_, index) => ({ text: `line of request ${index}\n`.repeat(index + 1) }))

describe('examples/tmp-file-handling', () => {
  afterEach(() => expectNoLeaks())

  it('answers every overlapping request about its own file in a unit test', async () => {
    const before = workspacesIn(tmpdir())
    const results = await invokeConcurrently(handler, texts)
    for (const [index, result] of results.entries())
      expect(result).toMatchObject({ status: 'fulfilled', value: { plain: texts[index]?.text.length } })
    // Tests beside this one have theirs in the same directory, for a while.
    const seen = workspacesIn(tmpdir()).filter((name) => !before.includes(name))
    await until(() => !workspacesIn(tmpdir()).some((name) => seen.includes(name)))
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
