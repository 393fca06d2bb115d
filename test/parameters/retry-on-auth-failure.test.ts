import { describe, expect, test } from '@jest/globals'
import { type RetryOnAuthFailureOptions, retryOnAuthFailure, secret } from 'middy-managed-instances/parameters'
import { barrier } from 'middy-managed-instances/testing'
import { failureOf } from './fixtures/failure.ts'
import { ownSource } from './fixtures/origin.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()

const withCode = (fields: object): Error => Object.assign(new Error('refused'), fields)
const unauthorized = withCode({ status: 401 })

/** A service that takes only one password. */
const serviceOf = (right: string) => {
  const seen: string[] = []
  const use = async (password: string): Promise<string> => {
    seen.push(password)
    if (password !== right) throw unauthorized
    return 'in'
  }
  return { seen, use }
}

test('64 that fail at once have the secret fetched once, and are retried once each', async () => {
  services.backend.secrets.set('orders/db', { string: 'old' })
  const source = secret('orders/db', { client: services.secrets })
  await source.get()
  services.backend.secrets.rotate('orders/db', { string: 'new' })
  const meet = barrier(64)
  const { seen, use } = serviceOf('new')
  const results = await Promise.all(
    Array.from({ length: 64 }, () =>
      retryOnAuthFailure(source, async (password) => {
        if (password === 'old') await meet()
        return use(password)
      }),
    ),
  )
  expect(results).toEqual(Array(64).fill('in'))
  expect(seen.filter((password) => password === 'new')).toHaveLength(64)
  expect(seen).toHaveLength(128)
  expect(services.backend.calls.count()).toBe(2)
})

test('one that fails after another has had it fetched takes what that one brought', async () => {
  const { origin, source } = ownSource()
  const failsLate = Promise.withResolvers<void>()
  await source.get()
  const { use } = serviceOf('second')
  const late = retryOnAuthFailure(source, async (password) => {
    if (password === 'first') await failsLate.promise
    return use(password as string)
  })
  origin.value = 'second'
  await source.refresh()
  failsLate.resolve()
  expect(await late).toBe('in')
  expect(origin.calls).toBe(2)
})

test('a secret that is still the same ends with the first error, without a second try', async () => {
  const { origin, source } = ownSource()
  origin.value = { user: 'a', password: 'b' }
  let tries = 0
  const error = await failureOf(() =>
    retryOnAuthFailure(source, async () => {
      tries++
      throw unauthorized
    }),
  )
  expect(error).toBe(unauthorized)
  expect([tries, origin.calls]).toEqual([1, 2])
})

test('a secret that can not be fetched anew ends with the error of that', async () => {
  const { origin, source } = ownSource()
  await source.get()
  origin.error = new Error('down')
  const error = await failureOf(() => retryOnAuthFailure(source, () => Promise.reject(unauthorized)))
  expect(error).toMatchObject({ code: 'PARAMETER_FETCH', cause: { message: 'down' } })
})

test('a second failure is the one that is thrown, and there is no third try', async () => {
  const { origin, source } = ownSource()
  await source.get()
  origin.value = 'second'
  const errors = [withCode({ status: 401 }), withCode({ status: 401 })]
  let tries = 0
  const error = await failureOf(() => retryOnAuthFailure(source, () => Promise.reject(errors[tries++])))
  expect(error).toBe(errors[1])
  expect(tries).toBe(2)
})

describe('taken for wrong credentials', () => {
  test.each([
    ['PostgreSQL: password', { code: '28P01' }],
    ['PostgreSQL: authorization', { code: '28000' }],
    ['MySQL', { code: 'ER_ACCESS_DENIED_ERROR' }],
    ['MySQL: database', { code: 'ER_DBACCESS_DENIED_ERROR' }],
    ['MongoDB', { code: 18, codeName: 'AuthenticationFailed' }],
    ['Redis', { message: 'WRONGPASS invalid username-password pair or user is disabled.' }],
    ['Redis without', { message: 'NOAUTH Authentication required.' }],
    ['HTTP status', { status: 401 }],
    ['HTTP statusCode', { statusCode: 401 }],
    ['AWS SDK', { $metadata: { httpStatusCode: 401 } }],
  ])('is %s', async (_name, fields) => {
    const { origin, source } = ownSource()
    await source.get()
    origin.value = 'second'
    const use = (value: unknown): unknown => (value === 'second' ? 'in' : Promise.reject(withCode(fields)))
    expect(await retryOnAuthFailure(source, use)).toBe('in')
  })

  test.each([
    ['a syntax error', { code: '42601' }],
    ['HTTP status 403', { status: 403 }],
    ['anything', {}],
  ])('is not %s, which is thrown untouched', async (_name, fields) => {
    const { origin, source } = ownSource()
    const error = withCode(fields)
    expect(await failureOf(() => retryOnAuthFailure(source, () => Promise.reject(error)))).toBe(error)
    expect(origin.calls).toBe(1)
  })

  test.each([undefined, null, 'no', 5])('is not %p when that is thrown', async (thrown) => {
    const { source } = ownSource()
    const caught: unknown = await retryOnAuthFailure(source, () => Promise.reject(thrown)).catch((error: unknown) => ({
      error,
    }))
    expect(caught).toEqual({ error: thrown })
  })

  test('is what isAuthFailure says', async () => {
    const { origin, source } = ownSource()
    await source.get()
    origin.value = 'second'
    const use = (value: unknown): unknown => (value === 'second' ? 'in' : Promise.reject(new Error('expired')))
    const isAuthFailure = (error: unknown): boolean => (error as Error).message === 'expired'
    expect(await retryOnAuthFailure(source, use, { isAuthFailure })).toBe('in')
  })
})

test('a synchronous use is fine', async () => {
  expect(await retryOnAuthFailure(ownSource().source, (value) => `${value}!`)).toBe('first!')
})

describe('bad arguments', () => {
  const { source } = ownSource()
  const wrong: [string, unknown, unknown, unknown, RegExp][] = [
    ['source', 'orders/db', () => 'x', undefined, /option "source" must be a source, .+ received 'orders\/db'\.$/],
    ['use', source, 'x', undefined, /option "use" must be a function, received 'x'\.$/],
    [
      'isAuthFailure',
      source,
      () => 'x',
      { isAuthFailure: 401 },
      /option "isAuthFailure" must be a function, received 401\.$/,
    ],
    [
      'retries',
      source,
      () => 'x',
      { retries: 3 },
      /unknown option "retries" \(received 3\); expected one of isAuthFailure\.$/,
    ],
  ]
  test.each(wrong)(
    '%s: an error that says where, what and what instead',
    async (_name, from, use, options, message) => {
      const error = await failureOf(() =>
        retryOnAuthFailure(from as typeof source, use as () => string, options as RetryOnAuthFailureOptions),
      )
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(/^retryOnAuthFailure\(\): /)
      expect(error.message).toMatch(message)
    },
  )
})
