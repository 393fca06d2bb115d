import { AppConfigDataClient } from '@aws-sdk/client-appconfigdata'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SSMClient } from '@aws-sdk/client-ssm'
import { describe, expect, test } from '@jest/globals'
import { appConfig, dynamodb, loader, parameters, secret, ssm, ssmPath } from 'middy-managed-instances/parameters'

type Make = (options: object) => unknown

const address = { application: 'a', environment: 'b', profile: 'c' }
const item = { table: 't', key: { id: 'a' } }
const clients = {
  ssm: new SSMClient({}),
  secrets: new SecretsManagerClient({}),
  appConfig: new AppConfigDataClient({}),
  dynamodb: new DynamoDBClient({}),
}

const factories: [string, Make, object][] = [
  ['ssm()', (options) => ssm('/a', options), clients.ssm],
  ['ssmPath()', (options) => ssmPath('/a', options), clients.ssm],
  ['secret()', (options) => secret('a', options), clients.secrets],
  ['appConfig()', (options) => appConfig({ ...address, ...options }), clients.appConfig],
  ['dynamodb()', (options) => dynamodb({ ...item, ...options }), clients.dynamodb],
]
const withLoader: [string, Make][] = [
  ...factories.map(([name, make]): [string, Make] => [name, make]),
  ['loader()', (options) => loader('a', () => 'x', options)],
]
const all: [string, Make][] = [...withLoader, ['parameters()', (options) => parameters({ values: {}, ...options })]]

/** Every way to get an option wrong, and what the message says of it. */
const wrong: [string, unknown, string][] = [
  ...['ttl', 'staleWhileRevalidate', 'negativeTtl', 'refreshAhead'].flatMap((option): [string, unknown, string][] => [
    [option, -1, 'a number of milliseconds from 0 to 2147483647, received -1'],
    [option, '5m', "a number of milliseconds from 0 to 2147483647, received '5m'"],
    [option, Number.NaN, 'a number of milliseconds from 0 to 2147483647, received NaN'],
    [option, Number.POSITIVE_INFINITY, 'a number of milliseconds from 0 to 2147483647, received Infinity'],
    [option, null, 'a number of milliseconds from 0 to 2147483647, received null'],
  ]),
  ['timeout', 0, 'a number of milliseconds from 0 to 2147483647, above 0, received 0'],
  ['shared', 'yes', "true or false, received 'yes'"],
]

const failureOf = (attempt: () => unknown): TypeError => {
  try {
    attempt()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error as TypeError
  }
  throw new Error('Nothing was thrown.')
}

describe.each(all)('%s refuses', (factory, make) => {
  test.each(wrong)('%s: %p', (option, value, problem) => {
    expect(failureOf(() => make({ [option]: value })).message).toBe(
      `${factory}: option "${option}" must be ${problem}.`,
    )
  })

  test('staleIfError without ttl, which it is counted from', () => {
    expect(failureOf(() => make({ staleIfError: 1_000 })).message).toBe(
      `${factory}: option "staleIfError" (received 1000) is counted from the end of "ttl", which is not given. Give both.`,
    )
    make({ staleIfError: 1_000, ttl: 1_000 })
  })

  test('a refreshAhead that never lets a value rest', () => {
    expect(failureOf(() => make({ refreshAhead: 1_000, ttl: 1_000 })).message).toBe(
      `${factory}: option "refreshAhead" must be less than "ttl" (1000), received 1000.`,
    )
    expect(failureOf(() => make({ refreshAhead: 300_000 })).message).toContain('(300000), received 300000.')
    make({ refreshAhead: 999, ttl: 1_000 })
  })

  test('an option it does not know, and names those it does', () => {
    const { message } = failureOf(() => make({ maxAge: 5 }))
    expect(message).toMatch(/: unknown option "maxAge" \(received 5\); expected one of .*ttl, staleWhileRevalidate/)
    expect(message.startsWith(factory)).toBe(true)
  })
})

describe.each(all)('%s takes', (_factory, make) => {
  test('undefined for any option, and leaves what it is given as it was', () => {
    const options = Object.freeze({ ttl: 5, staleIfError: undefined, transform: undefined, shared: undefined })
    make(options)
    expect(options).toEqual({ ttl: 5, staleIfError: undefined, transform: undefined, shared: undefined })
  })
})

describe.each(factories)('%s refuses', (factory, make, client) => {
  test.each([['text'], [{}], [null]])('client: %p', (value) => {
    const { message } = failureOf(() => make({ client: value }))
    expect(message).toMatch(
      /^\w+\(\): option "client" must be a client of the AWS SDK v3 for (SSM|Secrets Manager|AppConfigData|DynamoDB), received .+\.$/,
    )
    expect(message.startsWith(factory)).toBe(true)
  })

  test('the client of another service', () => {
    const another = Object.values(clients).find((other) => other.config.serviceId !== clientService(client))
    expect(failureOf(() => make({ client: another })).message).toContain('option "client" must be a client of the AWS')
    make({ client })
  })

  test.each([['yaml'], [5], [null]])('transform: %p', (transform) => {
    expect(failureOf(() => make({ transform })).message).toMatch(
      /option "transform" must be 'json', 'binary' or a function, received .+\.$/,
    )
  })
})

const clientService = (client: object): string => (client as SSMClient).config.serviceId

describe('a malformed name is refused with an example of one', () => {
  const names = [undefined, null, 5, '', ' ', '/', '//a', '/a/', '/a b', '/a\n', 'a:b:c', '/ä', 'x'.repeat(2_049), {}]
  test.each(names)('ssm: %p', (name) => {
    expect(failureOf(() => ssm(name as string)).message).toMatch(
      /^ssm\(\): option "name" must be a parameter's name, as '\/orders\/bucket', or its ARN, received /,
    )
  })

  test.each([undefined, '', 'orders', '//', '/a//b', '/a b', 5])('ssmPath: %p', (path) => {
    expect(failureOf(() => ssmPath(path as string)).message).toMatch(
      /^ssmPath\(\): option "path" must be a path that begins with a slash, as '\/orders', received /,
    )
  })

  test.each([undefined, '', 'a b', 'a\n', 'x'.repeat(513), 'arn:aws:s3:::bucket', 5])('secret: %p', (id) => {
    expect(failureOf(() => secret(id as string)).message).toMatch(
      /^secret\(\): option "id" must be a secret's name, as 'orders\/db', or its ARN, received /,
    )
  })

  test.each([undefined, '', 'a\0', 5])('loader: %p', (key) => {
    expect(failureOf(() => loader(key as string, () => 'x')).message).toMatch(
      /^loader\(\): option "key" must be a non-empty string without NUL, received /,
    )
  })

  test.each(['application', 'environment', 'profile'])('appConfig: without %s', (part) => {
    expect(failureOf(() => appConfig({ ...address, [part]: '' })).message).toMatch(
      new RegExp(`^appConfig\\(\\): option "${part}" must be a non-empty string without NUL, received ''\\.$`),
    )
    expect(() => appConfig({ ...address, [part]: undefined })).toThrow(TypeError)
  })

  test.each([{}, { id: '' }, { id: Number.NaN }, { id: null }, { a: 1, b: 2, c: 3 }, 'a', null, [], ['a']])(
    'dynamodb: key %p',
    (key) => {
      expect(failureOf(() => dynamodb({ table: 't', key: key as { id: string } })).message).toMatch(
        /^dynamodb\(\): option "key" must be the item's primary key, as \{ id: 'limits' \}, received /,
      )
    },
  )

  test('dynamodb: without a table, or options', () => {
    expect(failureOf(() => dynamodb({ ...item, table: '' })).message).toContain('option "table" must be a non-empty')
    expect(failureOf(() => dynamodb(undefined as never)).message).toContain('dynamodb(): option "table" must be')
    expect(failureOf(() => appConfig(undefined as never)).message).toContain('appConfig(): option "application" must')
  })
})

describe('a name is taken', () => {
  test.each([
    '/a/b',
    'a',
    'a.b_c-1',
    '/a:3',
    '/a:label',
    '/aws/service/ami-amazon-linux-latest/al2023',
    'arn:aws:ssm:eu-central-1:123456789012:parameter/a/b',
    'arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/a:2',
    'arn:aws:ssm:eu-west-1::parameter/aws/service/x',
  ])('ssm: %s', (name) => void ssm(name))

  test.each(['/', '/a', '/a/', '/a/b'])('ssmPath: %s', (path) => void ssmPath(path))

  test.each(['a', 'orders/db', 'a+b=c.d@e!f', 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/db-AbCdEf'])(
    'secret: %s',
    (id) => void secret(id),
  )
})

describe('parameters() refuses', () => {
  const refused: [string, object, string][] = [
    ['no values', {}, 'option "values" must be an object of sources, as in { bucket: ssm("/orders/bucket") }, or a'],
    ['values of another kind', { values: [] }, 'option "values" must be an object of sources'],
    ['what is no source', { values: { bucket: '/a' } }, 'option "values.bucket" must be a source, as ssm("/orders/'],
    [
      'an empty contextKey',
      { values: {}, contextKey: '' },
      `option "contextKey" must be a non-empty string without NUL, received ''`,
    ],
    ['another prefetch', { values: {}, prefetch: 1 }, 'option "prefetch" must be true or false, received 1.'],
    [
      'a client that is none',
      { values: {}, client: [clients.ssm, {}] },
      'option "client" must be a client of the AWS SDK',
    ],
    [
      'prefetch of what depends on the request',
      { values: () => ({}), prefetch: true },
      'option "prefetch" must be left out where values is a function of the request, received true.',
    ],
  ]
  test.each(refused)('%s', (_name, options, problem) => {
    const { message } = failureOf(() => parameters(options as Parameters<typeof parameters>[0]))
    expect(message).toContain(`parameters(): ${problem}`)
  })
})

test('secret() refuses batch beside a version', () => {
  for (const version of [{ versionStage: 'AWSPENDING' }, { versionId: 'a' }])
    expect(failureOf(() => secret('a', { batch: true, ...version })).message).toBe(
      'secret(): option "batch" must be left out beside versionStage and versionId, which BatchGetSecretValue does not know, received true.',
    )
})

test('loader() refuses what is no function', () => {
  expect(failureOf(() => loader('a', 'x' as never)).message).toBe(
    `loader(): option "load" must be a function, received 'x'.`,
  )
})
