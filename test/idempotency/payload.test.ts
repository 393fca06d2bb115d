import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { describe, expect, test } from '@jest/globals'
import { invoke } from 'middy-managed-instances/testing'
import { failureOf, once } from './support/requests.ts'
import { dynamoStore, ownDatabase } from './support/stores.ts'

const database = ownDatabase()

const counting = (options: object = {}) => {
  const config = new IdempotencyConfig({ eventKeyJmesPath: 'powertools_json(body).order', ...options })
  const counted = { executions: 0 }
  const handler = once({ persistenceStore: dynamoStore(database), config }, async () => ++counted.executions)
  return { handler, counted }
}

describe('an event whose key is in a text that should be JSON', () => {
  test('has that key if it is', async () => {
    const { handler } = counting()
    expect(await invoke(handler, { body: '{ "order": 1, "try": 1 }' })).toBe(1)
    expect(await invoke(handler, { body: '{ "order": 1, "try": 2 }' })).toBe(1)
  })

  test.each([['{ "order": '], [''], ['null'], ['[]']])('has none if it is %p, and takes no lock', async (body) => {
    const { handler, counted } = counting()
    await invoke(handler, { body })
    expect(await invoke(handler, { body })).toBe(2)
    expect(database.calls).toEqual([])
    const strict = counting({ throwOnNoIdempotencyKey: true })
    expect(await failureOf(invoke(strict.handler, { body }))).toMatchObject({ name: 'IdempotencyKeyError' })
    expect([counted.executions, strict.counted.executions]).toEqual([2, 0])
  })

  test.each([[undefined], [null], [5], [{ order: 1 }]])('is refused if that is %p, and runs nothing', async (body) => {
    const { handler, counted } = counting()
    const failure = await failureOf(invoke(handler, { body }))
    expect(failure.message).toContain('Invalid argument type for function powertools_json(), expected "string"')
    expect(counted.executions).toBe(0)
    expect(database.calls).toEqual([])
  })
})
