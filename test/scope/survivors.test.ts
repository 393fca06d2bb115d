import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'

const script = fileURLToPath(new URL('./support/survivors.ts', import.meta.url))
const conditions = '--conditions=middy-managed-instances/source'
// What V8 has compiled may allocate nothing that could survive.
const flags = ['--expose-gc', '--no-opt', '--no-maglev', '--no-warnings', '--experimental-strip-types']

test('a request is gone with the next collection of what is young', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, conditions, script])
  const bytes = JSON.parse(stdout) as Record<string, number>
  expect(Object.entries(bytes).filter(([, survived]) => survived > 300)).toEqual([])
  expect(Object.keys(bytes)).toEqual(['managed', 'workspace', 'database', 'parameters', 'batch'])
})
