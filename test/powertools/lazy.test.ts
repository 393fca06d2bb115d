import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'

const script = fileURLToPath(new URL('./support/loaded.mjs', import.meta.url))

test('importing powertools() loads nothing of Powertools, and a logger alone neither metrics nor the X-Ray SDK', async () => {
  const flags = ['--no-warnings', '--conditions=middy-managed-instances/source']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script])
  expect(JSON.parse(stdout)).toEqual({
    atImport: [],
    withLogger: ['@aws-lambda-powertools/commons', '@aws-lambda-powertools/logger'],
  })
})
