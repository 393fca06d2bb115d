import { describe, expect, test } from '@jest/globals'
import { type Database, database } from 'middy-managed-instances/database'
import { type PgPoolOptions, pgPool } from 'middy-managed-instances/database/pg'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { shareOf } from '../../middlewares/database/budget.ts'
import { failureOf } from './support/server.ts'

const make = (options: unknown): unknown => pgPool(options as PgPoolOptions)

describe('pgPool()', () => {
  const wrong: [string, unknown, string][] = [
    ['connections', 0, 'a whole number, 1 or more, received 0'],
    ['connections', -1, 'a whole number, 1 or more, received -1'],
    ['connections', 2.5, 'a whole number, 1 or more, received 2.5'],
    ['connections', '16', "a whole number, 1 or more, received '16'"],
    ['connections', undefined, 'a whole number, 1 or more, received undefined'],
    [
      'config',
      'postgres://',
      "an object without max, min, Client, Promise, maxLifetimeSeconds, connectionTimeoutMillis, verify, onConnect and pipeline, received 'postgres://'",
    ],
    [
      'config',
      { max: 5 },
      'an object without max, min, Client, Promise, maxLifetimeSeconds, connectionTimeoutMillis, verify, onConnect and pipeline, received { max: 5 }',
    ],
    [
      'config',
      { pipeline: true },
      'an object without max, min, Client, Promise, maxLifetimeSeconds, connectionTimeoutMillis, verify, onConnect and pipeline, received { pipeline: true }',
    ],
    ['credentials', {}, 'a password, an object with a password, a function or a source, received {}'],
    ['credentials', 5, 'a password, an object with a password, a function or a source, received 5'],
    ['acquireTimeout', -1, 'a number of milliseconds from 0 to 2147483647, received -1'],
    ['connectTimeout', '3s', "a number of milliseconds from 0 to 2147483647, received '3s'"],
    ['maxLifetime', Number.NaN, 'a number of milliseconds from 0 to 2147483647, received NaN'],
    ['reset', 'never', "'dirty' or 'always' or 'off', received 'never'"],
    ['stacks', 1, 'true or false, received 1'],
    ['onLeak', {}, 'a function, received {}'],
    ['onError', true, 'a function, received true'],
    ['map', 'kysely', "a function, received 'kysely'"],
  ]
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ connections: 4, [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`pgPool(): option "${option}" must be ${problem}.`)
  })

  test.each([
    ['config', 'postgres://orders:secret@db/orders', "'postgres://'"],
    ['config', { max: 5, password: 'secret' }, '{ max: 5 }'],
    ['credentials', { user: 'orders', pass: 'secret' }, "{ user: '...', pass: '...' }"],
  ])('shows no secret when it refuses %s', (option, value, shown) => {
    const attempt = (): unknown => make({ connections: 4, [option]: value })
    expect(attempt).toThrow(`received ${shown}.`)
    expect(attempt).not.toThrow('secret')
  })

  test('refuses an option it does not know, and none at all', () => {
    expect(() => make({ connections: 4, max: 5 })).toThrow(
      'pgPool(): unknown option "max" (received 5); expected one of connections,',
    )
    expect(() => make(undefined)).toThrow('pgPool(): option "connections" must be')
  })

  test('leaves the options as they were given', () => {
    const options = Object.freeze({ connections: 4, config: Object.freeze({ host: 'localhost' }) })
    make(options)
    expect(options).toEqual({ connections: 4, config: { host: 'localhost' } })
  })
})

describe('the connections of an environment', () => {
  test.each([
    [16, 8, 2],
    [17, 8, 2],
    [8, 8, 1],
    [5, 1, 5],
  ])('%p for %p workers are %p each', (connections, workers, share) => {
    expect(shareOf('pgPool()', connections, workers)).toBe(share)
  })

  test('that are fewer than its workers are an error that names both numbers and what to change', () => {
    expect(() => shareOf('pgPool()', 4, 8)).toThrow(
      `pgPool(): option "connections" must be at least 8, one for each of this environment's 8 workers (raise it to 8, or set AWS_LAMBDA_NODEJS_WORKER_COUNT to 4), received 4.`,
    )
  })
})

describe('database()', () => {
  const use = (options: unknown): unknown => database(options as { db: Database<unknown> })

  test('refuses what is no database', () => {
    for (const db of [undefined, {}, 'orders', null])
      expect(() => use({ db })).toThrow('database(): option "db" must be a database as pgPool()')
  })

  test('refuses an option it does not know and an empty key', () => {
    const db = pgPool({ connections: 1 })
    expect(() => use({ db, key: 'a' })).toThrow('database(): unknown option "key"')
    expect(() => use({ db, contextKey: '' })).toThrow('database(): option "contextKey" must be a non-empty string')
  })

  test('names its hooks, for plugins that are told of them', () => {
    const { before, after, onError } = database({ db: pgPool({ connections: 1 }) })
    expect([before?.name, after?.name, onError?.name]).toEqual(['databaseBefore', 'databaseAfter', 'databaseOnError'])
  })
})

test('sharedClient() refuses wrong options', async () => {
  expect(await failureOf(() => sharedClient({} as never))).toMatchObject({
    message: expect.stringContaining('option "open" must be a function'),
  })
  expect(await failureOf(() => sharedClient({ open: () => 1, max: 1 } as never))).toMatchObject({
    message: expect.stringContaining('unknown option "max"'),
  })
})
