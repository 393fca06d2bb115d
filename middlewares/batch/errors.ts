import { inspect, types } from 'node:util'
import { BatchProcessingError, UnexpectedBatchTypeError } from '@aws-lambda-powertools/batch'

/**
 * There was no time left for a record, which is reported for retry: it was not taken, or not done with. Also the `reason`
 * of the signal of the records that were running.
 *
 * @example
 * ```ts
 * import { BatchTimeoutError } from 'middy-managed-instances/batch'
 *
 * const isTooLarge = (error: unknown): boolean => error instanceof BatchTimeoutError
 * ```
 */
export class BatchTimeoutError extends BatchProcessingError {
  override readonly name = 'BatchTimeoutError'

  constructor(problem: string) {
    super(
      `batch.process(): ${problem} when the request's time was nearly up. Give the function a longer timeout, its event source a ` +
        'smaller batch, or process() more concurrency, and stop when the signal of a record aborts.',
    )
  }
}

/** Powertools' error, with what was found and what to do. */
export const unexpectedEvent = (type: string, problem: string, received: unknown): UnexpectedBatchTypeError => {
  const error = new UnexpectedBatchTypeError()
  error.message =
    `batch({ type: '${type}' }): ${problem}, received ${inspect(received, { depth: 0, breakLength: Number.POSITIVE_INFINITY })}. ` +
    'No record was processed. Have the type name the event source of the function.'
  return error
}

/** What was thrown, as the error Powertools expects it to be. */
export const asError = (thrown: unknown): Error =>
  types.isNativeError(thrown) || thrown instanceof Error
    ? thrown
    : new BatchProcessingError(
        `batch.process(): the record handler threw ${inspect(thrown, { depth: 0 })}, which is no Error. Throw one that says what happened.`,
      )
