import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { startBackend } from '../../examples/backend/backend.ts'

const run = promisify(execFile)
const fixture = join(import.meta.dirname, 'fixtures/default-client.ts')

const failuresWith = async (env: Record<string, string>): Promise<[string, string][]> => {
  const parts = ['--no-warnings', '--conditions=middy-managed-instances/source', fixture]
  // No files of the user's, and no metadata service, are asked for what is missing.
  const none = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', PATH: process.env['PATH'] }
  const { stdout } = await run(process.execPath, parts, { env: { ...none, ...env } })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const sources = ['ssm("/orders/bucket")', 'ssmPath("/orders")', 'secret("orders/db")', 'secret("orders/batched")']

test('missing credentials are an error with the remedy', async () => {
  const failures = await failuresWith({ AWS_REGION: 'us-east-1' })
  expect(failures).toHaveLength(6)
  for (const [name, message] of failures) {
    expect(name).toBe('ParameterFetchError')
    expect(message).toContain("Give the function's role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
  }
  for (const [index, source] of sources.entries()) expect(failures[index]?.[1]).toContain(`${source}: the fetch failed`)
})

test('a missing region is an error with the remedy', async () => {
  const failures = await failuresWith({ AWS_ACCESS_KEY_ID: 'EXAMPLE', AWS_SECRET_ACCESS_KEY: 'EXAMPLE' })
  expect(failures).toHaveLength(6)
  for (const [name, message] of failures) {
    expect(name).toBe('ParameterFetchError')
    expect(message).toContain('Set AWS_REGION, or pass a client that has a region.')
  }
})

test('the default clients ask what the environment names', async () => {
  const backend = await startBackend()
  const failures = await failuresWith({
    ...backend.env,
    AWS_ENDPOINT_URL_DYNAMODB: backend.endpoint,
    AWS_MAX_ATTEMPTS: '1',
  })
  const missing = ['ParameterMissingError', expect.stringContaining('it does not exist.')]
  expect(failures.slice(0, 5)).toEqual([missing, {}, missing, missing, missing])
  expect([...backend.calls].map(({ operation }) => operation).toSorted()).toEqual([
    'BatchGetSecretValue',
    'GetParameters',
    'GetParametersByPath',
    'GetSecretValue',
    'GetSecretValue',
    'StartConfigurationSession',
  ])
  await backend.stop()
})
