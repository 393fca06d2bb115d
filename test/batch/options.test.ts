import { describe, expect, test } from '@jest/globals'
import { invoke } from 'middy-managed-instances/testing'
import { type BatchOptions, batch } from '../../middlewares/batch/index.ts'
import { sqsEvent } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

const duration = 'a number of milliseconds from 0 to 2147483647'
const schema = 'a Standard Schema, as of Zod, Valibot or ArkType'

const wrong: [string, unknown, string][] = [
  ['type', undefined, "'sqs' or 'sqsFifo' or 'kinesis' or 'dynamodb', received undefined"],
  ['type', 'SQS', "'sqs' or 'sqsFifo' or 'kinesis' or 'dynamodb', received 'SQS'"],
  ['contextKey', '', "a non-empty string without NUL, received ''"],
  ['reserve', -1, `${duration}, received -1`],
  ['reserve', '1s', `${duration}, received '1s'`],
  ['schema', {}, `${schema}, received {}`],
  ['schema', null, `${schema}, received null`],
  ['throwOnFullBatchFailure', 'no', "true or false, received 'no'"],
  ['onRecordError', true, 'a function, received true'],
]

const make = (options: unknown): unknown => batch(options as BatchOptions)

describe('batch()', () => {
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ type: 'sqs', [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`batch(): option "${option}" must be ${problem}.`)
  })

  test('refuses an option it does not know, and names those it does', () => {
    expect(() => make({ type: 'sqs', concurrency: 5 })).toThrow(
      'batch(): unknown option "concurrency" (received 5); expected one of type, contextKey, reserve, schema, throwOnFullBatchFailure, onRecordError.',
    )
  })

  test.each([[undefined], [null], ['sqs'], [[]]])('refuses %p in place of options', (options) => {
    expect(() => make(options)).toThrow(TypeError)
    expect(() => make(options)).toThrow('batch(): ')
  })

  test('takes undefined for any option that has a default, and changes none', () => {
    const options = { contextKey: undefined, reserve: undefined, schema: undefined, onRecordError: undefined }
    make(Object.freeze({ type: 'sqs', throwOnFullBatchFailure: undefined, ...options }))
  })

  test('gives its hooks names, for the hooks of Middy that are told them', () => {
    const { before, after, onError } = batch({ type: 'sqs' })
    expect([before?.name, after?.name, onError?.name]).toEqual(['batchBefore', 'batchAfter', 'batchOnError'])
  })
})

describe('process()', () => {
  test.each([
    [0, 'a whole number, 1 or more, received 0'],
    [1.5, 'a whole number, 1 or more, received 1.5'],
    [Number.POSITIVE_INFINITY, 'a whole number, 1 or more, received Infinity'],
    ['4', "a whole number, 1 or more, received '4'"],
  ])('refuses a concurrency of %p before any record is processed', async (concurrency, problem) => {
    let runs = 0
    const handler = handlerOf('sqs', () => runs++, { concurrency: concurrency as number })
    await expect(invoke(handler, sqsEvent(['a']))).rejects.toThrow(
      `batch.process(): option "concurrency" must be ${problem}`,
    )
    expect(runs).toBe(0)
  })

  test('refuses what is no function', async () => {
    await expect(invoke(handlerOf('sqs', 'handler' as never), sqsEvent(['a']))).rejects.toThrow(
      'batch.process(): expected a function for the records, received string.',
    )
  })
})
