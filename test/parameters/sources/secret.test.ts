import { expect, test } from '@jest/globals'
import { ParameterMissingError, ParameterTransformError, secret } from 'middy-managed-instances/parameters'
import { failureOf } from '../fixtures/failure.ts'
import { ownServices } from '../fixtures/services.ts'

const services = ownServices()
const operations = (): string[] => [...services.backend.calls].map(({ operation }) => operation)

test('a secret is its text, by name and by ARN', async () => {
  services.backend.secrets.set('orders/db', { string: '{"user":"orders"}' })
  const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:orders/db'
  expect(await secret('orders/db', { client: services.secrets }).get()).toBe('{"user":"orders"}')
  expect(await secret(`${arn}-AbCdEf`, { client: services.secrets }).get()).toBe('{"user":"orders"}')
  expect(await secret(arn, { client: services.secrets }).get()).toBe('{"user":"orders"}')
})

test('JSON is parsed', async () => {
  services.backend.secrets.set('orders/json', { string: '{"user":"orders"}' })
  const credentials = secret<{ user: string }>('orders/json', { client: services.secrets, transform: 'json' })
  expect((await credentials.get()).user).toBe('orders')
})

test('a binary secret is bytes with the binary transform, and else an error that says so', async () => {
  services.backend.secrets.set('key', { binary: new Uint8Array([0, 255, 7]) })
  const key = secret('key', { client: services.secrets, transform: 'binary' })
  expect(await key.get()).toEqual(new Uint8Array([0, 255, 7]))
  services.backend.secrets.set('other-key', { binary: new Uint8Array([0, 255, 7]) })
  const error = await failureOf(() => secret('other-key', { client: services.secrets }).get())
  expect(error).toBeInstanceOf(ParameterTransformError)
  expect(error.message).toMatch(/^secret\("other-key"\).*: it is binary; .* Give it transform: 'binary'\.$/)
})

test('JSON in a binary secret is parsed', async () => {
  services.backend.secrets.set('binary-json', { binary: Buffer.from('{"a":"é"}') })
  const parsed = secret('binary-json', { client: services.secrets, transform: 'json' })
  expect(await parsed.get()).toEqual({ a: 'é' })
})

test('stages are apart: AWSPENDING and AWSPREVIOUS on request', async () => {
  const { secrets } = services.backend
  secrets.set('rotated', { string: 'old' })
  secrets.rotate('rotated', { string: 'current' })
  secrets.set('rotated', { string: 'pending', stages: ['AWSPENDING'] })
  const stages = [undefined, 'AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'].map((versionStage) =>
    secret('rotated', { client: services.secrets, ...(versionStage && { versionStage }) }).get(),
  )
  await expect(Promise.all(stages)).resolves.toEqual(['current', 'current', 'old', 'pending'])
})

test('a version id selects', async () => {
  const first = services.backend.secrets.set('versions', { string: 'first' })
  services.backend.secrets.set('versions', { string: 'second' })
  expect(await secret('versions', { client: services.secrets, versionId: first }).get()).toBe('first')
})

test('a version stage and a version id of the same text are apart', async () => {
  services.backend.secrets.set('mixed', { string: 'by stage', stages: ['AWSCURRENT', 'same'] })
  const byStage = secret('mixed', { client: services.secrets, versionStage: 'same' })
  const byId = secret('mixed', { client: services.secrets, versionId: 'same' })
  expect(await byStage.get()).toBe('by stage')
  expect(await failureOf(() => byId.get())).toBeInstanceOf(ParameterMissingError)
})

test.each([
  ['the secret', 'none', {}],
  ['the stage', 'here', { versionStage: 'AWSPENDING' }],
  ['the version', 'here', { versionId: '00000000-0000-0000-0000-000000000000' }],
])('a missing one is an error that says so: %s', async (_name, id, version) => {
  services.backend.secrets.set('here', { string: 'x' })
  const missing = secret(id, { client: services.secrets, ...version })
  expect(await failureOf(() => missing.get())).toBeInstanceOf(ParameterMissingError)
})

test('secrets come alone by default', async () => {
  const ids = ['a', 'b', 'c']
  for (const id of ids) services.backend.secrets.set(id, { string: id })
  await Promise.all(ids.map((id) => secret(id, { client: services.secrets }).get()))
  expect(operations()).toEqual(Array(3).fill('GetSecretValue'))
})

test('batch brings twenty a call, over its pages', async () => {
  const ids = Array.from({ length: 45 }, (_, index) => `batched/${index}`)
  for (const id of ids) services.backend.secrets.set(id, { string: id })
  services.backend.secrets.pageSize = 15
  const values = ids.map((id) => secret(id, { client: services.secrets, batch: true }).get())
  await expect(Promise.all(values)).resolves.toEqual(ids)
  services.backend.secrets.pageSize = 20
  expect(operations()).toEqual(Array(5).fill('BatchGetSecretValue'))
})

test('what a batch reports missing is asked for alone, and fails alone', async () => {
  services.backend.secrets.set('batch/one', { string: '1' })
  services.backend.secrets.set('batch/arn', { string: '2' })
  const partialArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:batch/arn'
  const get = (id: string): Promise<string> => secret(id, { client: services.secrets, batch: true }).get()
  const [one, arn, none] = await Promise.allSettled([get('batch/one'), get(partialArn), get('batch/none')])
  expect([one, arn]).toEqual([
    { status: 'fulfilled', value: '1' },
    { status: 'fulfilled', value: '2' },
  ])
  expect(none).toMatchObject({ status: 'rejected', reason: { code: 'PARAMETER_MISSING' } })
  expect(operations()).toEqual(['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue'])
})

test('a batch that the role may not make is an error that names the right', async () => {
  services.backend.secrets.set('denied/batch', { string: '1' })
  services.backend.fail({ error: 'AccessDeniedException' }, { operation: 'BatchGetSecretValue' })
  const batched = secret('denied/batch', { client: services.secrets, batch: true })
  expect(await failureOf(() => batched.get())).toMatchObject({
    code: 'PARAMETER_FETCH',
    message: expect.stringContaining("Allow the function's role to read it"),
  })
})
