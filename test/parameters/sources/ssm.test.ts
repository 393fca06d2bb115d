import { expect, test } from '@jest/globals'
import { ParameterMissingError, ssm } from 'middy-managed-instances/parameters'
import { failureOf } from '../fixtures/failure.ts'
import { ownServices } from '../fixtures/services.ts'

const services = ownServices()
const requests = (): object[] => [...services.backend.calls].map(({ request }) => request)

test('a String is its text', async () => {
  services.backend.parameters.set('/orders/bucket', { value: 'uploads' })
  await expect(ssm('/orders/bucket', { client: services.ssm }).get()).resolves.toBe('uploads')
  expect(requests()).toEqual([{ Names: ['/orders/bucket'], WithDecryption: true }])
})

test('a name without a slash is one too', async () => {
  services.backend.parameters.set('bucket', { value: 'uploads' })
  await expect(ssm('bucket', { client: services.ssm }).get()).resolves.toBe('uploads')
})

test('a StringList is its text, and split by a transform', async () => {
  services.backend.parameters.set('/a/hosts', { value: 'one,two', type: 'StringList' })
  services.backend.parameters.set('/a/ports', { value: '1,2', type: 'StringList' })
  const hosts = ssm('/a/hosts', { client: services.ssm })
  const ports = ssm('/a/ports', { client: services.ssm, transform: (text) => text.split(',').map(Number) })
  await expect(Promise.all([hosts.get(), ports.get()])).resolves.toEqual(['one,two', [1, 2]])
})

test('a SecureString is decrypted unless it is asked for as it is stored', async () => {
  services.backend.parameters.set('/a/password', { value: 'hunter2', type: 'SecureString' })
  const decrypted = ssm('/a/password', { client: services.ssm })
  const stored = ssm('/a/password', { client: services.ssm, decrypt: false })
  expect(await decrypted.get()).toBe('hunter2')
  expect(await stored.get()).toMatch(/^AQICAH/)
  expect(await decrypted.get()).toBe('hunter2')
})

test('a version and a label select, and the bare name is the latest', async () => {
  const { parameters } = services.backend
  parameters.set('/a/limit', { value: '1', version: 1 })
  parameters.set('/a/limit', { value: '2', version: 2, labels: ['stable'] })
  parameters.set('/a/limit', { value: '3', version: 3 })
  const names = ['/a/limit', '/a/limit:1', '/a/limit:stable', '/a/limit:3']
  const values = names.map((name) => ssm(name, { client: services.ssm }).get())
  await expect(Promise.all(values)).resolves.toEqual(['3', '1', '2', '3'])
  expect(requests()).toHaveLength(1)
})

test('an ARN is a name, with and without a selector', async () => {
  const arn = 'arn:aws:ssm:us-east-1:123456789012:parameter/a/shared'
  services.backend.parameters.set('/a/shared', { value: 'old' })
  services.backend.parameters.set('/a/shared', { value: 'new' })
  const [latest, first] = [ssm(arn, { client: services.ssm }), ssm(`${arn}:1`, { client: services.ssm })]
  await expect(Promise.all([latest.get(), first.get()])).resolves.toEqual(['new', 'old'])
})

test.each(['/a/none', '/a/limit:99', '/a/limit:unknown'])('%s does not exist, and says so', async (name) => {
  services.backend.parameters.set('/a/limit', { value: '1' })
  const error = await failureOf(() => ssm(name, { client: services.ssm }).get())
  expect(error).toBeInstanceOf(ParameterMissingError)
  expect(error).toMatchObject({ code: 'PARAMETER_MISSING', retryable: false })
  expect(error.message).toMatch(/^ssm\("\/a\/.+"\).*: it does not exist\. Create it, or correct the name/)
})

test('base64 is bytes with the binary transform', async () => {
  services.backend.parameters.set('/a/key', { value: Buffer.from([0, 255, 7]).toString('base64') })
  const key = ssm('/a/key', { client: services.ssm, transform: 'binary' })
  expect(await key.get()).toEqual(new Uint8Array([0, 255, 7]))
})
