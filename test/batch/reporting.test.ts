import { FullBatchFailureError, UnexpectedBatchTypeError } from '@aws-lambda-powertools/batch'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type { BatchType } from '../../middlewares/batch/index.ts'
import { dynamodbRecord, eventOf, idOf, kinesisRecord, message, numbered, reported } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

const types: BatchType[] = ['sqs', 'sqsFifo', 'kinesis', 'dynamodb']
const ids = numbered(10)
/** Each record a group of its own. */
const records = ids.map((id) => [id, id] as const)

const failing =
  (...failures: string[]) =>
  async (record: object): Promise<void> => {
    if (failures.includes(idOf(record))) throw new Error(`${idOf(record)} is broken`)
  }

describe.each([
  ['middy(managed())', false],
  ['middy()', true],
])('a batch on %s', (_, plain) => {
  afterEach(() => expectNoLeaks())

  test.each(types)('of %s in which every record succeeds reports none', async (type) => {
    const handler = handlerOf(type, failing(), { plain })
    expect(await invoke(handler, eventOf(type, records))).toEqual({ batchItemFailures: [] })
  })

  test.each(types)('of %s that is empty reports none', async (type) => {
    const handler = handlerOf(type, failing(), { plain })
    expect(await invoke(handler, { Records: [] })).toEqual({ batchItemFailures: [] })
  })

  test.each<[BatchType, string[]]>([
    ['sqs', ['id-2', 'id-7']],
    ['sqsFifo', ['id-2', 'id-7']],
    ['kinesis', ['id-2']],
    ['dynamodb', ['id-2']],
  ])('of %s reports what failed, or where to go on', async (type, expected) => {
    const handler = handlerOf(type, failing('id-2', 'id-7'), { plain })
    expect(reported(await invoke(handler, eventOf(type, records)))).toEqual(expected)
  })

  test.each(types)('of %s in which every record fails throws what Powertools throws', async (type) => {
    const handler = handlerOf(type, failing(...ids), { plain })
    const error = await invoke(handler, eventOf(type, records)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FullBatchFailureError)
    expect((error as FullBatchFailureError).recordErrors.map(({ message }) => message)).toEqual(
      ids.map((id) => `${id} is broken`),
    )
  })

  test('of one FIFO group that fails at its first record throws that too, with the reason of each', async () => {
    const handler = handlerOf('sqsFifo', failing('id-0'), { plain })
    const event = eventOf(
      'sqsFifo',
      ids.map((id) => [id, 'one group'] as const),
    )
    const error = await invoke(handler, event).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FullBatchFailureError)
    const { recordErrors } = error as FullBatchFailureError
    expect(recordErrors.map(({ name }) => name)).toEqual([
      'Error',
      ...ids.slice(1).map(() => 'SqsFifoMessageGroupShortCircuitError'),
    ])
  })

  test('of a stream that fails at its first record is no failure of all: the others have not been tried', async () => {
    const handler = handlerOf('kinesis', failing('id-0'), { plain, concurrency: 1 })
    expect(reported(await invoke(handler, eventOf('kinesis', records)))).toEqual(['id-0'])
  })

  test.each<[BatchType, string[]]>([
    ['sqs', ids],
    ['sqsFifo', ids],
    ['kinesis', ['id-0']],
    ['dynamodb', ['id-0']],
  ])('of %s in which every record fails is reported instead, by choice', async (type, expected) => {
    const handler = handlerOf(type, failing(...ids), { plain, throwOnFullBatchFailure: false })
    expect(reported(await invoke(handler, eventOf(type, records)))).toEqual(expected)
  })
})

describe('a record', () => {
  afterEach(() => expectNoLeaks())

  test.each([
    ['an error at once', new Error('at once'), 'at once'],
    ['undefined', undefined, 'batch.process(): the record handler threw undefined, which is no Error.'],
    ['null', null, 'batch.process(): the record handler threw null, which is no Error.'],
    ['a string', 'broken', "batch.process(): the record handler threw 'broken', which is no Error."],
  ])('whose handler throws %s is the only one reported', async (_, thrown, problem) => {
    const errors: string[] = []
    const handler = handlerOf(
      'sqs',
      (record) => {
        if (idOf(record) === 'id-3') throw thrown
      },
      { onRecordError: (error, record) => errors.push(`${idOf(record)}: ${error.message}`) },
    )
    expect(reported(await invoke(handler, eventOf('sqs', records)))).toEqual(['id-3'])
    expect(errors).toEqual([expect.stringContaining(`id-3: ${problem}`)])
  })

  test.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('in onRecordError')
      },
    ],
    ['rejects with', () => Promise.reject(new Error('in onRecordError'))],
  ])('is not reported for what onRecordError %s, nor are others', async (_, onRecordError) => {
    const logged = jest.spyOn(console, 'error').mockImplementation(() => {})
    const handler = handlerOf('sqs', failing('id-1'), { onRecordError })
    expect(reported(await invoke(handler, eventOf('sqs', records)))).toEqual(['id-1'])
    expect(logged.mock.calls).toEqual([[expect.stringContaining('Error: in onRecordError')]])
    logged.mockRestore()
  })

  test('that failed is logged in one structured line, if nobody else is told', async () => {
    const logged = jest.spyOn(console, 'error').mockImplementation(() => {})
    await invoke(handlerOf('sqs', failing('id-1'), { onRecordError: undefined }), eventOf('sqs', records))
    const lines = logged.mock.calls.map(([line]) => JSON.parse(line as string))
    logged.mockRestore()
    expect(lines).toEqual([
      {
        level: 'ERROR',
        message: 'batch(): a record failed. Error: id-1 is broken',
        record: 'id-1',
        stack: expect.stringContaining('reporting.test.ts'),
      },
    ])
  })

  test('that is in the batch twice is reported for either', async () => {
    let runs = 0
    const handler = handlerOf('sqs', async () => {
      if (++runs === 1) throw new Error('the first time')
    })
    const event = { Records: [message('same'), message('same'), message('other')] }
    expect(reported(await invoke(handler, event))).toEqual(['same'])
  })
})

describe('an event of another type', () => {
  const wrong: [BatchType, string, unknown, string][] = [
    ['sqs', 'nothing', null, 'the event must have an array of Records, received null'],
    [
      'sqs',
      'an HTTP request',
      { httpMethod: 'GET' },
      "the event must have an array of Records, received { httpMethod: 'GET' }",
    ],
    ['sqs', 'Records that are none', { Records: {} }, 'the event must have an array of Records'],
    [
      'sqs',
      'a record that is none',
      { Records: [message('a'), null] },
      'every record must be an object, received null',
    ],
    [
      'sqs',
      'a stream',
      { Records: [kinesisRecord('a')] },
      "every record must have the eventSource 'aws:sqs', received 'aws:kinesis'",
    ],
    [
      'sqs',
      'a FIFO queue',
      { Records: [message('a', '', 'g')] },
      "the order of a FIFO queue is kept by type 'sqsFifo' alone",
    ],
    [
      'sqs',
      'a record without an id',
      { Records: [message('a'), message('')] },
      "every record must have a messageId to be reported by, received ''",
    ],
    [
      'kinesis',
      'a table',
      { Records: [dynamodbRecord('a')] },
      "every record must have the eventSource 'aws:kinesis', received 'aws:dynamodb'",
    ],
    [
      'dynamodb',
      'a queue',
      { Records: [message('a')] },
      "every record must have the eventSource 'aws:dynamodb', received 'aws:sqs'",
    ],
    [
      'dynamodb',
      'a record without a number',
      { Records: [{ dynamodb: {} }] },
      'every record must have a dynamodb.SequenceNumber to be reported by, received undefined',
    ],
  ]

  test.each(wrong)('of %s, %s, is refused before any record is processed', async (type, _, event, problem) => {
    let runs = 0
    const handler = handlerOf(type, () => runs++)
    const error = await invoke(handler, event as object).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UnexpectedBatchTypeError)
    expect((error as Error).message).toContain(`batch({ type: '${type}' }): ${problem}`)
    expect(runs).toBe(0)
  })
})
