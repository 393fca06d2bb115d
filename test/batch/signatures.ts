// Checked by the compiler, never run: what a user types has these types.
import middy from '@middy/core'
import type {
  DynamoDBRecord,
  DynamoDBStreamEvent,
  KinesisStreamEvent,
  KinesisStreamRecord,
  SQSBatchResponse,
  SQSEvent,
  SQSRecord,
} from 'aws-lambda'
import { type Added, managed, type Scope } from 'middy-managed-instances'
import { type Batch, type BatchResponse, batch, type RecordSchema } from '../../middlewares/batch/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectTrue = <T extends true>(): T | undefined => undefined

const queue = batch({ type: 'sqs' })
expectTrue<Equal<typeof queue, Added<'batch', Batch<SQSRecord>, SQSEvent>>>()
const fifo = batch({ type: 'sqsFifo', contextKey: 'messages' })
expectTrue<Equal<typeof fifo, Added<'messages', Batch<SQSRecord>, SQSEvent>>>()
const stream = batch({ type: 'kinesis', reserve: 500 })
expectTrue<Equal<typeof stream, Added<'batch', Batch<KinesisStreamRecord>, KinesisStreamEvent>>>()
const table = batch({ type: 'dynamodb', throwOnFullBatchFailure: false })
expectTrue<Equal<typeof table, Added<'batch', Batch<DynamoDBRecord>, DynamoDBStreamEvent>>>()

declare const order: RecordSchema<{ readonly lines: number }>
const parsed = batch({ type: 'sqs', schema: order, onRecordError: (_error, { messageId }) => messageId })
expectTrue<Equal<typeof parsed, Added<'batch', Batch<{ readonly lines: number }>, SQSEvent>>>()

// @ts-expect-error: a batch comes from somewhere
batch({})
// @ts-expect-error: none of Powertools' names
batch({ type: 'SQS' })

middy<SQSEvent, SQSBatchResponse>(managed())
  .use(batch({ type: 'sqs' }))
  .handler(async (_event, { batch }) => {
    const answer = batch.process(
      (record, context) => {
        expectTrue<Equal<typeof record, SQSRecord>>()
        expectTrue<Equal<typeof context.scope, Scope>>()
        expectTrue<Equal<typeof context.signal, AbortSignal>>()
      },
      { concurrency: 5 },
    )
    expectTrue<Equal<typeof answer, Promise<BatchResponse>>>()
    return answer
  })

// The middleware brings the type of the event along.
middy(managed())
  .use(batch({ type: 'kinesis' }))
  .handler(async (event, { batch }) => {
    expectTrue<Equal<typeof event, KinesisStreamEvent>>()
    return batch.process(({ kinesis }) => kinesis.sequenceNumber)
  })
