import type {
  DynamoDBRecord,
  DynamoDBStreamEvent,
  KinesisStreamEvent,
  KinesisStreamRecord,
  SQSEvent,
  SQSRecord,
} from 'aws-lambda'
import type { BatchResponse, BatchType } from '../../../middlewares/batch/index.ts'

const region = 'eu-central-1'

/** A message as Lambda sends it; with a group, one of a FIFO queue. */
export const message = (id: string, body: string = id, group?: string): SQSRecord => ({
  messageId: id,
  receiptHandle: `receipt-${id}`,
  body,
  attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '1700000000000',
    SenderId: 'AIDA',
    ApproximateFirstReceiveTimestamp: '1700000000001',
    ...(group === undefined ? {} : { MessageGroupId: group, SequenceNumber: '1' }),
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: `arn:aws:sqs:${region}:123456789012:orders${group === undefined ? '' : '.fifo'}`,
  awsRegion: region,
})

export const sqsEvent = (ids: readonly string[]): SQSEvent => ({ Records: ids.map((id) => message(id)) })

/** Messages of a FIFO queue: their ids and groups. */
export const fifoEvent = (messages: readonly (readonly [id: string, group: string])[]): SQSEvent => ({
  Records: messages.map(([id, group]) => message(id, id, group)),
})

export const kinesisRecord = (id: string, partitionKey = id): KinesisStreamRecord => ({
  awsRegion: region,
  eventID: `shardId-000000000000:${id}`,
  eventName: 'aws:kinesis:record',
  eventSource: 'aws:kinesis',
  eventSourceARN: `arn:aws:kinesis:${region}:123456789012:stream/orders`,
  eventVersion: '1.0',
  invokeIdentityArn: 'arn:aws:iam::123456789012:role/orders',
  kinesis: {
    approximateArrivalTimestamp: 1_700_000_000,
    data: Buffer.from(id).toString('base64'),
    kinesisSchemaVersion: '1.0',
    partitionKey,
    sequenceNumber: id,
  },
})

export const kinesisEvent = (records: readonly (readonly [id: string, key: string])[]): KinesisStreamEvent => ({
  Records: records.map(([id, key]) => kinesisRecord(id, key)),
})

export const dynamodbRecord = (id: string, key = id): DynamoDBRecord => ({
  awsRegion: region,
  eventID: id,
  eventName: 'MODIFY',
  eventSource: 'aws:dynamodb',
  eventSourceARN: `arn:aws:dynamodb:${region}:123456789012:table/orders/stream/2026-01-01T00:00:00.000`,
  eventVersion: '1.1',
  dynamodb: {
    Keys: { order: { S: key } },
    NewImage: { order: { S: key }, state: { S: id } },
    SequenceNumber: id,
    SizeBytes: 10,
    StreamViewType: 'NEW_AND_OLD_IMAGES',
  },
})

export const dynamodbEvent = (records: readonly (readonly [id: string, key: string])[]): DynamoDBStreamEvent => ({
  Records: records.map(([id, key]) => dynamodbRecord(id, key)),
})

/** A batch of any type, of records with these ids and groups. */
export const eventOf = (type: BatchType, records: readonly (readonly [id: string, group: string])[]): object => {
  switch (type) {
    case 'sqs':
      return sqsEvent(records.map(([id]) => id))
    case 'sqsFifo':
      return fifoEvent(records)
    case 'kinesis':
      return kinesisEvent(records)
    case 'dynamodb':
      return dynamodbEvent(records)
    default:
      return type satisfies never
  }
}

interface AnyRecord {
  readonly messageId?: string
  readonly kinesis?: { readonly sequenceNumber: string }
  readonly dynamodb?: { readonly SequenceNumber?: string }
}

/** The id a record is reported by. */
export const idOf = (record: object): string => {
  const { messageId, kinesis, dynamodb } = record as AnyRecord
  return messageId ?? kinesis?.sequenceNumber ?? dynamodb?.SequenceNumber ?? 'none'
}

export const reported = ({ batchItemFailures }: BatchResponse): string[] =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)

export const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `id-${index}`)
