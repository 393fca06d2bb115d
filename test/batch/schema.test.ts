import { FullBatchFailureError, ParsingError } from '@aws-lambda-powertools/batch'
import { JSONStringified } from '@aws-lambda-powertools/parser/helpers'
import { DynamoDBStreamRecord } from '@aws-lambda-powertools/parser/schemas/dynamodb'
import { KinesisDataStreamRecord } from '@aws-lambda-powertools/parser/schemas/kinesis'
import { SqsRecordSchema } from '@aws-lambda-powertools/parser/schemas/sqs'
import { afterEach, describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { z } from 'zod'
import { type BatchResponse, batch, type RecordSchema } from '../../middlewares/batch/index.ts'
import { dynamodbEvent, kinesisEvent, message, reported, sqsEvent } from './support/batches.ts'

interface Order {
  readonly order: string
  readonly lines: number
}

const validate = (
  record: unknown,
): { value: Order } | { issues: { message: string; path: (string | { key: string })[] }[] } => {
  const value = JSON.parse((record as { body: string }).body) as Order
  if (typeof value.lines === 'number') return { value }
  return {
    issues: [
      { message: 'expected a number', path: ['body', { key: 'lines' }] },
      { message: 'is no order', path: [] },
    ],
  }
}

const synchronous: RecordSchema<Order> = { '~standard': { version: 1, vendor: 'test', validate } }
const asynchronous: RecordSchema<Order> = {
  '~standard': { version: 1, vendor: 'test', validate: async (record) => validate(record) },
}

const event: SQSEvent = {
  Records: [
    message('good', '{"order":"a","lines":1}'),
    message('wrong', '{"order":"b","lines":"2"}'),
    message('no JSON', '{'),
    message('also good', '{"order":"c","lines":3}'),
  ],
}

describe.each([
  ['at once', synchronous],
  ['later', asynchronous],
])('a schema that answers %s', (_, schema) => {
  afterEach(() => expectNoLeaks())

  test('makes of each record what its handler is given, and has those reported that it refuses', async () => {
    const errors: Error[] = []
    const orders: Order[] = []
    const handler = middy<SQSEvent, BatchResponse>(managed())
      .use(batch({ type: 'sqs', schema, onRecordError: (error) => errors.push(error) }))
      .handler(async (_event, { batch }) => batch.process((order) => void orders.push(order)))
    expect(reported(await invoke(handler, event))).toEqual(['wrong', 'no JSON'])
    expect(orders).toEqual([
      { order: 'a', lines: 1 },
      { order: 'c', lines: 3 },
    ])
    const refused = errors.find((error) => error instanceof ParsingError)
    expect(refused?.message).toContain('(body.lines: expected a number; record: is no order)')
    expect(errors).toHaveLength(2)
  })
})

describe("a schema of Powertools' parser", () => {
  afterEach(() => expectNoLeaks())

  test('makes of a message what is in its body', async () => {
    const schema = SqsRecordSchema.extend({ body: JSONStringified(z.object({ order: z.string() })) })
    const errors: Error[] = []
    const orders: string[] = []
    const handler = middy<SQSEvent, BatchResponse>(managed())
      .use(batch({ type: 'sqs', schema, onRecordError: (error) => errors.push(error) }))
      .handler(async (_event, { batch }) => batch.process(({ body }) => void orders.push(body.order)))
    const bodies = ['{"order":"a"}', '{"order":1}', '{']
    expect(reported(await invoke(handler, { Records: bodies.map((body) => message(body, body)) }))).toEqual(
      bodies.slice(1),
    )
    expect(orders).toEqual(['a'])
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('(body.order: Invalid input: expected string, received number)'),
      expect.stringContaining('(body: Invalid JSON - '),
    ])
  })

  test('makes of a record of a stream what is in its data or images', async () => {
    const found: unknown[] = []
    const kinesis = middy(managed())
      .use(batch({ type: 'kinesis', schema: KinesisDataStreamRecord }))
      .handler(async (_event, { batch }) => batch.process(({ kinesis }) => void found.push(kinesis.data)))
    const dynamodb = middy(managed())
      .use(batch({ type: 'dynamodb', schema: DynamoDBStreamRecord }))
      .handler(async (_event, { batch }) => batch.process(({ dynamodb }) => void found.push(dynamodb.NewImage)))
    await invoke(kinesis, kinesisEvent([['a', 'key']]))
    await invoke(dynamodb, dynamodbEvent([['b', 'key']]))
    expect(found).toEqual(['a', { order: 'key', state: 'b' }])
  })

  test('that refuses every record says so as Powertools does', async () => {
    const schema = SqsRecordSchema.extend({ body: JSONStringified(z.object({ order: z.string() })) })
    const handler = middy<SQSEvent>(managed())
      .use(batch({ type: 'sqs', schema, onRecordError: () => {} }))
      .handler(async (_event, { batch }) => batch.process(() => {}))
    await expect(invoke(handler, sqsEvent(['a', 'b']))).rejects.toThrow(FullBatchFailureError)
  })
})
