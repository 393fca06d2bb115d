import { setImmediate as turn } from 'node:timers/promises'
import {
  BatchProcessor,
  EventType,
  processPartialResponse,
  SqsFifoPartialProcessorAsync,
} from '@aws-lambda-powertools/batch'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { batch } from 'middy-managed-instances/batch'

export type HandlerName = 'batch' | 'processPartialResponse'

/** `queue`: records that wait for nothing, so that all the time is ours or Powertools'; `fifo`: each waits for a turn of the loop. */
export type QueueName = 'queue' | 'fifo'

type Handler = (event: unknown, context: object) => Promise<unknown>

const handle = async (): Promise<void> => {}
const handleLater = (): Promise<void> => turn()

const ours = (queue: QueueName): unknown =>
  queue === 'queue'
    ? middy<SQSEvent>(managed())
        .use(batch({ type: 'sqs' }))
        .handler(async (_event, { batch }) => batch.process(handle))
    : middy<SQSEvent>(managed())
        .use(batch({ type: 'sqsFifo' }))
        .handler(async (_event, { batch }) => batch.process(handleLater))

// A processor per request, as at init there can be none on Managed Instances.
const official = (queue: QueueName): unknown =>
  queue === 'queue'
    ? middy<SQSEvent>().handler(async (event) =>
        processPartialResponse(event, handle, new BatchProcessor(EventType.SQS)),
      )
    : middy<SQSEvent>().handler(async (event) =>
        processPartialResponse(event, handleLater, new SqsFifoPartialProcessorAsync(), { skipGroupOnError: true }),
      )

/** Makes the one handler that an isolate measures. */
export const makeHandler = (name: HandlerName, queue: QueueName): Handler => {
  switch (name) {
    case 'batch':
      return ours(queue) as Handler
    case 'processPartialResponse':
      return official(queue) as Handler
    default:
      return name satisfies never
  }
}
