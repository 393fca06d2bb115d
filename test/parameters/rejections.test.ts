import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'

const run = promisify(execFile)
const fixture = join(import.meta.dirname, 'fixtures/rejections.ts')

test('no rejection is left for the process to end with', async () => {
  const { stdout } = await run(process.execPath, [
    '--no-warnings',
    '--conditions=middy-managed-instances/source',
    fixture,
  ])
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringContaining('afterItsTimeout: loader("late"): the fetch failed (TimeoutError'),
    expect.stringContaining('afterTheRequest: This operation was aborted'),
    expect.stringContaining('atInit: loader("failing"): the fetch failed (Error: down)'),
    expect.stringContaining('ofTransforms: loader("asynchronous"): its transform returned a promise'),
  ])
})
