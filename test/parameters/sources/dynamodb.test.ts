import { inspect } from 'node:util'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { expect, test } from '@jest/globals'
import { type DynamoDBOptions, dynamodb, ParameterMissingError } from 'middy-managed-instances/parameters'
import { failureOf } from '../fixtures/failure.ts'
import { ownTable } from '../fixtures/table.ts'

const table = ownTable()

const source = (id: string, options: Partial<Pick<DynamoDBOptions, 'attribute' | 'consistent'>> = {}) =>
  dynamodb<unknown>({ table: table.name, key: { id }, client: table.client, ...options })

const kinds: [string, AttributeValue, unknown][] = [
  ['a string', { S: 'uploads' }, 'uploads'],
  ['an empty string', { S: '' }, ''],
  ['a number', { N: '0' }, 0],
  ['a map', { M: { rows: { N: '10' }, names: { L: [{ S: 'a' }] } } }, { rows: 10, names: ['a'] }],
  ['bytes', { B: new Uint8Array([0, 255]) }, new Uint8Array([0, 255])],
  ['null', { NULL: true }, null],
  ['a boolean', { BOOL: false }, false],
]

test.each(kinds)('%s is that in JavaScript', async (kind, attribute, value) => {
  await table.put(kind, { value: attribute })
  const given = source(kind)
  expect(await given.get()).toEqual(value)
  const { calls } = table
  expect(await given.get()).toEqual(value)
  expect(table.calls).toBe(calls)
})

test('a set is a Set', async () => {
  await table.put('set', { value: { SS: ['a', 'b'] } })
  expect([...((await source('set').get()) as Set<string>)].sort()).toEqual(['a', 'b'])
})

test('another attribute, also one with a reserved name, is another value', async () => {
  await table.put('two', { value: { S: 'one' }, status: { S: 'other' } })
  const both = [source('two').get(), source('two', { attribute: 'status', consistent: true }).get()]
  await expect(Promise.all(both)).resolves.toEqual(['one', 'other'])
})

test('what is read consistently is kept apart', async () => {
  await table.put('apart', { value: { S: 'old' } })
  expect(await source('apart').get()).toBe('old')
  await table.put('apart', { value: { S: 'new' } })
  expect(await source('apart', { consistent: true }).get()).toBe('new')
  expect(await source('apart').get()).toBe('old')
})

test('JSON in a string is parsed by a transform', async () => {
  await table.put('json', { value: { S: '{"rows":10}' } })
  const parsed = dynamodb<{ rows: number }>({
    table: table.name,
    key: { id: 'json' },
    client: table.client,
    transform: 'json',
  })
  expect((await parsed.get()).rows).toBe(10)
})

test('a transform that wants text does not take a number', async () => {
  await table.put('number', { value: { N: '42' } })
  const parsed = dynamodb({ table: table.name, key: { id: 'number' }, client: table.client, transform: 'json' })
  const error = await failureOf(() => parsed.get())
  expect(error).toMatchObject({ code: 'PARAMETER_TRANSFORM' })
  expect(error.message).toContain(
    "it is number, neither text nor bytes; its value is not shown, since it may be secret. Leave transform: 'json' out.",
  )
})

test('an item or an attribute that is not there does not exist', async () => {
  await table.put('bare', {})
  expect(await failureOf(() => source('none').get())).toBeInstanceOf(ParameterMissingError)
  const error = await failureOf(() => source('bare').get())
  expect(error).toBeInstanceOf(ParameterMissingError)
  expect(error.message).toMatch(/^dynamodb\("settings", {"id":"bare"}, "value"\).*: it does not exist\./)
})

test('a number that JavaScript has no number for is an error without the number', async () => {
  await table.put('precise', { value: { N: '12345678901234567890.5' } })
  const error = await failureOf(() => source('precise').get())
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('12345678901234567890')
  expect(error.message).toContain('Store it as a string')
})

test('a table that does not exist is an error of the backend', async () => {
  const none = dynamodb({ table: 'no-table', key: { id: 'a' }, client: table.client })
  expect(await failureOf(() => none.get())).toMatchObject({
    code: 'PARAMETER_FETCH',
    cause: { name: 'ResourceNotFoundException' },
  })
})
