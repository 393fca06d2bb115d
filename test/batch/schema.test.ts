import { ParsingError } from '@aws-lambda-powertools/batch'
import { afterEach, describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { type BatchResponse, batch, type RecordSchema } from '../../middlewares/batch/index.ts'
import { message, reported } from './support/batches.ts'

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
