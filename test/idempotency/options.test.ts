import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { describe, expect, test } from '@jest/globals'
import { type IdempotencyOptions, idempotency } from 'middy-managed-instances/idempotency'
import { cacheStore } from './support/stores.ts'

const persistenceStore = cacheStore()
const config = new IdempotencyConfig({})

const layer = 'a persistence layer of @aws-lambda-powertools/idempotency, as DynamoDBPersistenceLayer'

const wrong: [string, unknown, string][] = [
  ['persistenceStore', undefined, `${layer}, received undefined`],
  ['persistenceStore', null, `${layer}, received null`],
  ['persistenceStore', 'table', `${layer}, received 'table'`],
  [
    'persistenceStore',
    { saveInProgress: () => {} },
    `${layer}, received { saveInProgress: [Function: saveInProgress] }`,
  ],
  ['config', { eventKeyJmesPath: 'id' }, 'an IdempotencyConfig of @aws-lambda-powertools/idempotency, received'],
  ['config', null, 'an IdempotencyConfig of @aws-lambda-powertools/idempotency, received null'],
  ['keyPrefix', ' ', "a string that is not blank, received ' '"],
  ['keyPrefix', 5, 'a string that is not blank, received 5'],
  ['zombieGrace', -1, 'a number of milliseconds from 0 to 2147483647, received -1'],
  ['zombieGrace', Number.NaN, 'a number of milliseconds from 0 to 2147483647, received NaN'],
  ['zombieGrace', '1m', "a number of milliseconds from 0 to 2147483647, received '1m'"],
  ['httpConflict', 409, 'true or false, received 409'],
]

const make = (options: unknown): unknown => idempotency(options as IdempotencyOptions)

describe('idempotency()', () => {
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ persistenceStore, [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`idempotency(): option "${option}" must be ${problem}`)
  })

  test('refuses an option it does not know, and names those it does', () => {
    expect(() => make({ persistenceStore, dataIndexArgument: 1 })).toThrow(
      'idempotency(): unknown option "dataIndexArgument" (received 1); expected one of persistenceStore, config, keyPrefix, zombieGrace, httpConflict.',
    )
  })

  test.each([[undefined], [null], ['options'], [[]]])('refuses %p in place of options', (options) => {
    expect(() => make(options)).toThrow(TypeError)
    expect(() => make(options)).toThrow('idempotency(): ')
  })

  test('takes every option, and undefined for any that has a default, and changes none', () => {
    const options = { persistenceStore, config, keyPrefix: 'orders', zombieGrace: 0, httpConflict: true }
    make(Object.freeze(options))
    make({ persistenceStore, config: undefined, keyPrefix: undefined, zombieGrace: undefined, httpConflict: undefined })
  })

  test('gives its hook a name, for the hooks of Middy that are told it', () => {
    expect(idempotency({ persistenceStore }).before?.name).toBe('idempotencyBefore')
  })
})
