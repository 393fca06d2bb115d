import { BatchProcessor, SqsFifoMessageGroupShortCircuitError } from '@aws-lambda-powertools/batch'
import { callBack } from '../../src/call-back.ts'
import { logLine } from '../../src/log.ts'
import type { Scope } from '../../src/scope/scope.ts'
import { asError, BatchTimeoutError } from './errors.ts'
import type { Kind, RawRecord } from './kinds.ts'
import { RecordQueue } from './record-queue.ts'
import { type RecordContext, RunningRecord } from './running-record.ts'
import { parseRecord, type RecordSchema } from './schema.ts'
import { TimeLimit } from './time-limit.ts'

/** What Lambda is told of a batch: which of its records it has to send again. */
export interface BatchResponse {
  batchItemFailures: { itemIdentifier: string }[]
}

/** Processes one record. One whose handler throws is reported as failed. */
export type RecordHandler<R> = (record: R, context: RecordContext) => unknown

/** What the batches of one function have in common. */
export interface BatchSettings {
  readonly kind: Kind
  readonly reserve: number
  readonly schema: RecordSchema | undefined
  readonly throwOnFullBatchFailure: boolean
  readonly onRecordError: (error: Error, record: RawRecord) => void
}

type Entry = ReturnType<BatchProcessor['successHandler'] | BatchProcessor['failureHandler']>
type PowertoolsRecord = Parameters<BatchProcessor['failureHandler']>[0]

/** Powertools' processor for one batch, that runs so many records at once, in order, while there is time. */
export class RecordProcessor extends BatchProcessor {
  readonly #settings: BatchSettings
  readonly #scope: Scope
  readonly #concurrency: number
  #records: readonly RawRecord[] = []
  // Powertools reads the environment whenever it looks one of these up.
  #handler: CallableFunction = () => {}
  /** How each record ended, by its index. */
  readonly #entries: (Entry | undefined)[] = []
  readonly #running: Map<number, RunningRecord> = new Map()
  /** The first record that failed, where it holds up the rest. */
  #checkpoint = Number.POSITIVE_INFINITY

  constructor(settings: BatchSettings, scope: Scope, concurrency: number) {
    super(settings.kind.eventType)
    this.#settings = settings
    this.#scope = scope
    this.#concurrency = concurrency
  }

  /** Powertools gives every batch without failures one and the same response. */
  override prepare(): void {
    super.prepare()
    this.batchResponse = { batchItemFailures: [] }
  }

  override async process(): Promise<Entry[]> {
    this.prepare()
    const { kind, reserve } = this.#settings
    this.#records = this.records as readonly RawRecord[]
    this.#handler = this.handler
    const queue = new RecordQueue(this.#records.map(kind.groupOf))
    const limit = new TimeLimit(this.#scope, reserve)
    try {
      const lanes = Math.min(this.#concurrency, this.#records.length)
      const done = Promise.all(Array.from({ length: lanes }, () => this.#takeRecords(queue, limit)))
      await Promise.race([done, limit.over])
      if (limit.signal.aborted) this.#giveUp()
    } finally {
      limit.clear()
    }
    this.clean()
    return this.#entries.filter((entry) => entry !== undefined)
  }

  override getMessagesToReport(): BatchResponse['batchItemFailures'] {
    const { idOf, holdsUp } = this.#settings.kind
    const failed = this.#records.filter((_, index) => this.#entries[index]?.[0] !== 'success')
    const reported = holdsUp === 'rest' ? failed.slice(0, 1) : failed
    return reported.map((record) => ({ itemIdentifier: idOf(record) as string }))
  }

  async #takeRecords(queue: RecordQueue, limit: TimeLimit): Promise<void> {
    while (!limit.isReached) {
      const index = queue.take()
      if (index === undefined || index > this.#checkpoint) return
      await this.#run(index, queue, limit)
    }
  }

  async #run(index: number, queue: RecordQueue, { signal }: TimeLimit): Promise<void> {
    const record = this.#records[index] as RawRecord
    const running = new RunningRecord(this.#scope, signal, this.#settings.kind.idOf(record) as string)
    this.#running.set(index, running)
    const failure = await this.#handle(record, running)
    // What was given up has been reported and closed.
    if (!this.#running.delete(index)) return
    if (failure === undefined) this.#entries[index] = ['success', undefined, record as PowertoolsRecord]
    else this.#fail(index, failure, queue)
    const closing = running.close(failure === undefined ? 'returned' : 'threw')
    if (closing !== undefined) await closing
    if (failure === undefined) queue.done(index)
  }

  /** Resolves to the error of a record that failed; what is returned for the others is not kept. */
  async #handle(record: RawRecord, context: RecordContext): Promise<Error | undefined> {
    const { schema } = this.#settings
    try {
      if (schema === undefined) await this.#handler(record, context)
      else {
        const parsed = await parseRecord(schema, record)
        context.signal.throwIfAborted()
        await this.#handler(parsed, context)
      }
      return undefined
    } catch (error) {
      return asError(error)
    }
  }

  #fail(index: number, error: Error, queue: RecordQueue): void {
    this.#report(index, error)
    switch (this.#settings.kind.holdsUp) {
      case 'nothing':
        return
      case 'group':
        for (const held of queue.after(index)) this.#skip(held, new SqsFifoMessageGroupShortCircuitError())
        return
      case 'rest':
        this.#checkpoint = Math.min(this.#checkpoint, index)
        return
      default:
        this.#settings.kind.holdsUp satisfies never
    }
  }

  /** What is still running is left to itself, and what is left is not started. */
  #giveUp(): void {
    for (const [index, running] of this.#running) {
      this.#report(index, new BatchTimeoutError('the record was still running'))
      running.close('timedOut')
    }
    this.#running.clear()
    const left = [...this.#records.keys()].filter(
      (index) => this.#entries[index] === undefined && index < this.#checkpoint,
    )
    for (const index of left) this.#skip(index, new BatchTimeoutError('the record was not started'))
    if (left.length === 0) return
    const { message } = new BatchTimeoutError(`${left.length} of ${this.#records.length} records were not started`)
    logLine('WARN', { message })
  }

  #skip(index: number, error: Error): void {
    this.#entries[index] = this.failureHandler(this.#records[index] as PowertoolsRecord, error)
  }

  #report(index: number, error: Error): void {
    this.#skip(index, error)
    const record = this.#records[index] as RawRecord
    callBack(
      () => this.#settings.onRecordError(error, record),
      (cause) => logLine('ERROR', { message: 'batch(): onRecordError threw.', cause: asError(cause).stack }),
    )
  }
}
