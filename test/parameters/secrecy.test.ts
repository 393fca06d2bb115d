import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SSMClient } from '@aws-sdk/client-ssm'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { parameterStats, parameters, type Source, secret, ssm, ssmPath } from 'middy-managed-instances/parameters'
import { invoke } from 'middy-managed-instances/testing'
import { failureOf } from './fixtures/failure.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()
const password = 'hunter2'
const broken = `{"password":"${password}"`

const events: unknown[] = []
const note = (message: unknown): void => void events.push(message)
const written: unknown[] = []

beforeEach(() => {
  subscribe('middy-managed-instances.parameters', note)
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((chunk) => written.push(chunk) > 0)
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    jest.spyOn(console, method).mockImplementation((...args) => void written.push(args))
})

afterEach(() => {
  jest.restoreAllMocks()
  unsubscribe('middy-managed-instances.parameters', note)
})

/** Everything that can be seen of a failing source: the error to its roots, what was written, counted and published. */
const seenOf = async (source: () => Source<unknown>): Promise<string> => {
  const handler = middy(managed())
    .use(parameters({ values: () => ({ source: source() }) }))
    .handler(async () => 'done')
  const errors = [
    await failureOf(() => source().get()),
    await failureOf(() => source().refresh()),
    await failureOf(() => invoke(handler, {})),
  ]
  const shown = errors.map((error) => [error, error.stack, error.cause, JSON.stringify(error), `${error}`])
  return inspect([shown, written, parameterStats(), events], {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
    maxStringLength: null,
    maxArrayLength: null,
  })
}

const failing: [string, () => Source<unknown>][] = [
  ['JSON that is none', () => ssm('/bad', { client: services.ssm, transform: 'json' })],
  ['JSON that is none, below a path', () => ssmPath('/below', { client: services.ssm, transform: 'json' })],
  ['JSON that is none, in a secret', () => secret('bad', { client: services.secrets, transform: 'json' })],
  ['base64 that is none', () => secret('bad-base64', { client: services.secrets, transform: 'binary' })],
  ['bytes that are no text', () => secret('bytes', { client: services.secrets })],
  [
    'a transform that throws what it was given',
    () =>
      secret('thrown', {
        client: services.secrets,
        transform: (text) => {
          throw Object.assign(new Error(text), { text, cause: new Error(text) })
        },
      }),
  ],
  [
    'a transform that throws the value itself',
    () =>
      secret('bare', {
        client: services.secrets,
        transform: (text) => {
          throw text
        },
      }),
  ],
  [
    'a transform that rejects with what it was given',
    () => secret('rejected', { client: services.secrets, transform: async (text) => Promise.reject(new Error(text)) }),
  ],
]

describe('no secret is seen when there is', () => {
  beforeEach(() => {
    services.backend.parameters.set('/bad', { value: broken, type: 'SecureString' })
    services.backend.parameters.set('/below/bad', { value: broken, type: 'SecureString' })
    services.backend.secrets.set('bytes', { binary: Buffer.from(password) })
    for (const id of ['bad', 'thrown', 'bare', 'rejected']) services.backend.secrets.set(id, { string: broken })
    services.backend.secrets.set('bad-base64', { string: `${password}!` })
  })

  test.each(failing)('%s', async (_name, source) => {
    const seen = await seenOf(source)
    expect(seen).toContain('ParameterTransformError')
    expect(seen).not.toContain(password)
    expect(seen).not.toContain(Buffer.from(password).toString('base64'))
    expect(seen).not.toContain('68 75 6e 74 65 72 32')
  })
})

test('no secret is seen when two transforms are in conflict', async () => {
  services.backend.secrets.set('conflict', { string: password })
  const source = secret('conflict', { client: services.secrets, transform: (text) => text.length })
  await source.get()
  const seen = await seenOf(() => secret('conflict', { client: services.secrets, transform: 'json' }))
  expect(seen).toContain('two sources have different transforms')
  expect(seen).not.toContain(password)
})

test('no secret is seen when the backend fails after it gave one', async () => {
  services.backend.secrets.set('then-down', { string: password })
  const source = () =>
    secret('then-down', { client: services.secrets, ttl: 0, staleIfError: 0, staleWhileRevalidate: 0 })
  expect(await source().get()).toBe(password)
  services.backend.fail('internal error')
  const seen = await seenOf(source)
  expect(seen).toContain('ParameterFetchError')
  expect(seen).not.toContain(password)
})

describe('no secret is seen of an answer that is cut off', () => {
  const answers: [string, string, (options: object) => Source<unknown>][] = [
    [
      'of Secrets Manager',
      `{"Name":"a","SecretString":"${password}`,
      (options) => secret('a', { client: new SecretsManagerClient(options) }),
    ],
    [
      'of Systems Manager',
      `{"Parameters":[{"Name":"/a","Value":"${password}"}],`,
      (options) => ssm('/a', { client: new SSMClient(options) }),
    ],
    ['that is short', `"${password}`, (options) => secret('b', { client: new SecretsManagerClient(options) })],
    ['that is a word', password, (options) => secret('c', { client: new SecretsManagerClient(options) })],
  ]

  test.each(answers)('%s', async (_name, body, make) => {
    const server = createServer((_message, response) => void response.end(body)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const source = make({ ...services.backend.clientOptions, endpoint, maxAttempts: 1 })
    const seen = await seenOf(() => source)
    server.close()
    server.closeAllConnections()
    expect(seen).toContain('ParameterFetchError')
    expect(seen).not.toContain(password)
  })
})
