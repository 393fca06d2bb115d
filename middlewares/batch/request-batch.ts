import { processPartialResponse } from '@aws-lambda-powertools/batch'
import { RequestEndedError } from '../../src/errors.ts'
import { checkOptions, type Rules, wholeNumber } from '../../src/options.ts'
import type { Scope } from '../../src/scope/scope.ts'
import { checkEvent } from './event.ts'
import { type BatchResponse, type BatchSettings, type RecordHandler, RecordProcessor } from './record-processor.ts'

/** What `process()` takes. */
export interface ProcessOptions {
  /** How many records are processed at once, at most. @defaultValue 10 */
  concurrency?: number
}

const rules: Rules<ProcessOptions> = { concurrency: wholeNumber(1) }

/** The batch of one request. */
export class RequestBatch<R> {
  readonly #settings: BatchSettings
  readonly #scope: Scope
  /** Its event is not read before it is needed: another middleware may put one of its own there. */
  #request: { readonly event: unknown } | undefined

  constructor(settings: BatchSettings, scope: Scope) {
    this.#settings = settings
    this.#scope = scope
  }

  begin(request: { readonly event: unknown }): void {
    this.#request = request
  }

  async process(recordHandler: RecordHandler<R>, options?: ProcessOptions): Promise<BatchResponse> {
    if (typeof recordHandler !== 'function')
      throw new TypeError(`batch.process(): expected a function for the records, received ${typeof recordHandler}.`)
    const { concurrency = 10 } = checkOptions('batch.process()', rules, options)
    const { outcome } = this.#scope
    if (outcome !== undefined) throw new RequestEndedError('batch', outcome)
    const { kind, throwOnFullBatchFailure } = this.#settings
    const event = checkEvent(kind, this.#request?.event)
    const processor = new RecordProcessor(this.#settings, this.#scope, concurrency)
    return processPartialResponse(event as never, recordHandler, processor, { throwOnFullBatchFailure })
  }
}
