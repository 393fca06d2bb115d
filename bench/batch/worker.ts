import { workerData } from 'node:worker_threads'
import { InvokeStore, InvokeStoreBase } from '@aws/lambda-invoke-store'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample } from '../harness/sample.ts'
import { median } from '../harness/statistics.ts'
import type { HandlerName, QueueName } from './handlers.ts'

export interface Contestant {
  readonly handler: HandlerName
  readonly queue: QueueName
}

/** How many requests, of how many records each. */
export interface Load {
  readonly requests: number
  readonly records: number
}

const groups = 10

const recordOf = (index: number): object => ({
  messageId: `message-${index}`,
  body: '{}',
  attributes: { MessageGroupId: `group-${index % groups}` },
  eventSource: 'aws:sqs',
})

// Read by Powertools when it is loaded, and then at each request.
process.env['AWS_LAMBDA_MAX_CONCURRENCY'] = '64'
const store = await InvokeStore.getInstanceAsync(true)
const { makeHandler } = await import('./handlers.ts')
const { handler: name, queue } = workerData as Contestant
const handler = makeHandler(name, queue)

serve(async ({ requests, records }: Load): Promise<number> => {
  const event = { Records: Array.from({ length: records }, (_, index) => recordOf(index)) }
  const request = async (): Promise<unknown> =>
    store.run({ [InvokeStoreBase.PROTECTED_KEYS.REQUEST_ID]: 'request' }, () => handler(event, clientContext()))
  return median(await sample(requests, request))
})
