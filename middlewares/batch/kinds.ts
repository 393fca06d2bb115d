import type { EventType } from '@aws-lambda-powertools/batch'
import type {
  DynamoDBRecord,
  DynamoDBStreamEvent,
  KinesisStreamEvent,
  KinesisStreamRecord,
  SQSEvent,
  SQSRecord,
} from 'aws-lambda'

interface Events {
  readonly sqs: { readonly event: SQSEvent; readonly record: SQSRecord }
  readonly sqsFifo: { readonly event: SQSEvent; readonly record: SQSRecord }
  readonly kinesis: { readonly event: KinesisStreamEvent; readonly record: KinesisStreamRecord }
  readonly dynamodb: { readonly event: DynamoDBStreamEvent; readonly record: DynamoDBRecord }
}

/** Where a batch comes from: an SQS queue, an SQS FIFO queue, a Kinesis data stream or a DynamoDB stream. */
export type BatchType = keyof Events

/** The event of a type of batch. */
export type EventOf<T extends BatchType> = Events[T]['event']

/** A record of a type of batch, as Lambda sends it. */
export type RecordOf<T extends BatchType> = Events[T]['record']

/** Of a record nothing is certain before it has been checked. */
export interface RawRecord {
  readonly eventSource?: unknown
  readonly eventSourceARN?: unknown
  readonly messageId?: unknown
  readonly attributes?: { readonly MessageGroupId?: unknown } | null
  readonly kinesis?: { readonly sequenceNumber?: unknown; readonly partitionKey?: unknown } | null
  readonly dynamodb?: { readonly SequenceNumber?: unknown; readonly Keys?: unknown } | null
}

/** What the types of batches differ in. */
export interface Kind {
  readonly type: BatchType
  readonly eventType: keyof typeof EventType
  readonly eventSource: string
  /** Which field has a record's id, for messages. */
  readonly idField: string
  readonly idOf: (record: RawRecord) => unknown
  /** Records of one group are processed one after the other; those without a group in any order. */
  readonly groupOf: (record: RawRecord) => string | undefined
  /**
   * What a failed record holds up: nothing, the rest of its group, or, where Lambda goes on from the first record that is
   * reported, whatever comes after it.
   */
  readonly holdsUp: 'nothing' | 'group' | 'rest'
}

/** The keys of an item, in whatever order they are listed. */
const itemOf = (keys: unknown): string => {
  const entries = Object.entries((keys as object | null | undefined) ?? {})
  return JSON.stringify(entries.sort(([left], [right]) => (left < right ? -1 : 1)))
}

export const kinds: { readonly [T in BatchType]: Kind } = {
  sqs: {
    type: 'sqs',
    eventType: 'SQS',
    eventSource: 'aws:sqs',
    idField: 'messageId',
    idOf: ({ messageId }) => messageId,
    groupOf: () => undefined,
    holdsUp: 'nothing',
  },
  sqsFifo: {
    type: 'sqsFifo',
    eventType: 'SQS',
    eventSource: 'aws:sqs',
    idField: 'messageId',
    idOf: ({ messageId }) => messageId,
    groupOf: ({ attributes }) => String(attributes?.MessageGroupId ?? ''),
    holdsUp: 'group',
  },
  kinesis: {
    type: 'kinesis',
    eventType: 'KinesisDataStreams',
    eventSource: 'aws:kinesis',
    idField: 'kinesis.sequenceNumber',
    idOf: ({ kinesis }) => kinesis?.sequenceNumber,
    groupOf: ({ kinesis }) => String(kinesis?.partitionKey ?? ''),
    holdsUp: 'rest',
  },
  dynamodb: {
    type: 'dynamodb',
    eventType: 'DynamoDBStreams',
    eventSource: 'aws:dynamodb',
    idField: 'dynamodb.SequenceNumber',
    idOf: ({ dynamodb }) => dynamodb?.SequenceNumber,
    groupOf: ({ dynamodb }) => itemOf(dynamodb?.Keys),
    holdsUp: 'rest',
  },
}
