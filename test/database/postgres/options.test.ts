import { expect, test } from '@jest/globals'
import { postgresJs } from 'middy-managed-instances/database/postgres'
import { invoke } from 'middy-managed-instances/testing'
import { failureOf, testServer } from '../support/server.ts'
import { handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'

const server = testServer()

const connect = (options: SharedOptions): Promise<unknown> =>
  invoke(
    handlerWith(sharedOn(server, options), (sql) => sql`SELECT 1 AS one`),
    undefined,
  )

const options: [string, unknown, string][] = [
  ['connections', 0, 'a whole number, 1 or more, received 0'],
  ['connections', 2.5, 'a whole number, 1 or more, received 2.5'],
  ['config', { max: 5 }, 'an object without max, max_lifetime,'],
  ['reset', 'never', "'dirty' or 'always' or 'off', received 'never'"],
  ['map', 'drizzle', "a function, received 'drizzle'"],
  ['idle', 1, 'unknown option "idle" (received 1)'],
]
test.each(options)('refuses the option %s: %p', (option, value, problem) => {
  const attempt = (): unknown => postgresJs({ connections: 4, [option]: value } as { connections: number })
  expect(attempt).toThrow(TypeError)
  expect(attempt).toThrow(problem)
})

test.each(['password', 'pass'])('a %s that is neither text nor a function is refused, and not shown', (key) => {
  const attempt = (): unknown => postgresJs({ connections: 4, config: { [key]: 12345 } as object })
  expect(attempt).toThrow(
    new TypeError('postgresJs(): config.password must be a string or a function, received a number.'),
  )
})

test.each(['password', 'pass'])('a function for a %s fails a query, not the worker', async (key) => {
  const fails = (): string => {
    throw new RangeError('no password today')
  }
  expect(await failureOf(() => connect({ config: { password: undefined, [key]: fails } as object }))).toMatchObject({
    cause: { message: 'no password today' },
  })
})

test.each([
  ['a key that is none', { key: 'a', cert: 'b' }, /PEM/],
  ['a version that is none', { minVersion: 'TLSv9' }, /TLSv9/],
])('TLS with %s fails a query, not the worker', async (_name, ssl, reason) => {
  expect(await failureOf(() => connect({ config: { ssl: ssl as object } }))).toMatchObject({
    code: 'DATABASE_CONNECT',
    retryable: false,
    message: expect.stringMatching(reason),
  })
})

test.each([8_050, 1_001, 1_500.5])('a connectTimeout of %p connects', async (connectTimeout) => {
  await expect(connect({ connectTimeout })).resolves.toMatchObject([{ one: 1 }])
})
