import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import {
  type BatchOptions,
  type BatchResponse,
  type BatchType,
  batch,
  type ProcessOptions,
  type RecordContext,
} from '../../../middlewares/batch/index.ts'

type AnyHandler = (event: object, context: object) => Promise<BatchResponse>
type AnyRecordHandler = (record: object, context: RecordContext) => unknown

const quiet = { onRecordError: () => {} }

export interface HandlerOptions extends ProcessOptions, Omit<Partial<BatchOptions>, 'onRecordError'> {
  readonly onRecordError?: BatchOptions['onRecordError'] | undefined
  readonly plain?: boolean
}

/** A handler of batches of any type, that logs nothing. */
export const handlerOf = (
  type: BatchType,
  recordHandler: AnyRecordHandler,
  { concurrency, plain = false, ...options }: HandlerOptions = {},
): AnyHandler => {
  const given = { type, ...quiet, ...options } as BatchOptions & { contextKey?: 'batch' }
  return (plain ? middy() : middy(managed()))
    .use(batch(given))
    .handler(async (_event, { batch }) =>
      batch.process(recordHandler, concurrency === undefined ? undefined : { concurrency }),
    ) as unknown as AnyHandler
}
