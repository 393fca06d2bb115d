import type { Context } from 'aws-lambda'
import { logLine } from '../../src/log.ts'
import {
  aBoolean,
  aFunction,
  checkOptions,
  milliseconds,
  oneOf,
  type Rules,
  required,
  text,
} from '../../src/options.ts'
import { type Added, contextMiddleware } from '../../src/scope/middleware.ts'
import { type BatchType, type EventOf, type Kind, kinds, type RawRecord, type RecordOf } from './kinds.ts'
import type { BatchResponse, BatchSettings, RecordHandler } from './record-processor.ts'
import { type ProcessOptions, RequestBatch } from './request-batch.ts'
import { aSchema, type RecordSchema } from './schema.ts'

/** What `batch()` takes. */
export interface BatchOptions<T extends BatchType = BatchType, R = RecordOf<T>> {
  /** Where the batches come from. */
  type: T
  /** The key of the Lambda context under which the handler finds its batch. @defaultValue 'batch' */
  contextKey?: string
  /**
   * Milliseconds before the request's deadline at which no more records are taken and the signal of those running aborts;
   * they have half of it to stop, and the rest is for the answer. At most half of the time there is is kept.
   * @defaultValue 1000
   */
  reserve?: number
  /** Checks each record as Lambda sends it, and makes of it what the record handler is given. @defaultValue none */
  schema?: RecordSchema<R>
  /**
   * Whether `process()` throws Powertools' `FullBatchFailureError` when every record failed, so that the invocation counts
   * as an error, instead of reporting them all. @defaultValue true, as with Powertools
   */
  throwOnFullBatchFailure?: boolean
  /**
   * Told of each record that failed or was still running at the end; not of those that were held up by another.
   * @defaultValue one structured line by `console.error`
   */
  onRecordError?: (error: Error, record: RecordOf<T>) => void
}

/** The records of one request. */
export interface Batch<R> {
  /**
   * Runs `recordHandler` for each record, and resolves to the answer for Lambda: return it from the handler. Also when it
   * is called several times in a request, each call processes every record and makes an answer of its own.
   *
   * - `sqs`: each record for itself.
   * - `sqsFifo`: in order within a message group. When a record fails, the rest of its group is not run and reported too.
   * - `kinesis`, `dynamodb`: in order within a partition key or item. Lambda goes on from the first record reported, so no
   *   record after a failed one is started, and only the first that did not succeed is reported.
   *
   * A record may be processed more than once, as always with these sources: make the record handler idempotent.
   *
   * @throws `UnexpectedBatchTypeError` of Powertools for an event of another type, before any record is processed;
   *   `FullBatchFailureError` when all failed; TypeError for wrong options; {@link RequestEndedError}.
   */
  process(recordHandler: RecordHandler<R>, options?: ProcessOptions): Promise<BatchResponse>
}

const rules: Rules<BatchOptions> = {
  type: required(oneOf(...Object.keys(kinds))),
  contextKey: text,
  reserve: milliseconds,
  schema: aSchema,
  throwOnFullBatchFailure: aBoolean,
  onRecordError: aFunction,
}

const logFailure =
  ({ idOf }: Kind) =>
  ({ name, message, stack }: Error, record: RawRecord): void =>
    logLine('ERROR', { message: `batch(): a record failed. ${name}: ${message}`, record: idOf(record), stack })

/**
 * Processes the records of an SQS queue, a Kinesis data stream or a DynamoDB stream as `context.batch`, several at once,
 * each in its order, and reports those that failed, or that there was no time for, to be sent again. The event source
 * mapping must have `ReportBatchItemFailures`.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
 * import { managed } from 'middy-managed-instances'
 * import { batch } from 'middy-managed-instances/batch'
 *
 * export const handler = middy<SQSEvent, SQSBatchResponse>(managed())
 *   .use(batch({ type: 'sqs' }))
 *   .handler(async (event, { batch }) =>
 *     batch.process(
 *       async ({ body }, { signal }) => {
 *         await fetch('https://orders.example.com', { method: 'POST', body, signal })
 *       },
 *       { concurrency: 20 },
 *     ),
 *   )
 * ```
 */
export const batch = <const T extends BatchType, R = RecordOf<T>, const K extends string = 'batch'>(
  options: BatchOptions<T, R> & { contextKey?: K },
): Added<K, Batch<R>, EventOf<T>> => {
  const {
    type,
    contextKey = 'batch' as K,
    reserve = 1000,
    schema,
    throwOnFullBatchFailure = true,
    onRecordError = logFailure(kinds[type]),
  } = checkOptions('batch()', rules as Rules<BatchOptions<T, R> & { contextKey?: K }>, options)
  const kind = kinds[type]
  const settings = { kind, reserve, schema, throwOnFullBatchFailure, onRecordError } as BatchSettings
  const added = contextMiddleware<K, Batch<R>, EventOf<T>>(
    'batch',
    contextKey,
    (scope) => new RequestBatch<R>(settings, scope),
  )
  type Before = Parameters<NonNullable<typeof added.before>>[0]
  const batchBefore = (request: Before): void => {
    added.before?.(request)
    ;(request.context as Context & { readonly [P in K]: RequestBatch<R> })[contextKey].begin(request)
  }
  return { ...added, before: batchBefore }
}
