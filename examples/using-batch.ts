import middy from '@middy/core'
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { batch } from 'middy-managed-instances/batch'

interface Order {
  readonly id: string
  readonly lines: number
}

const limit = 100
let booked = 0

/** Stands for what takes its time, and should stop when there is none left. */
const book = async ({ id, lines }: Order, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  if (lines > limit) throw new RangeError(`Order ${id} has ${lines} lines; ${limit} are allowed.`)
  booked += lines
}

/** What this worker has booked. */
export const bookedLines = (): number => booked

/** Books the orders of a FIFO queue: those of a customer, a message group, one after the other. */
export const handler = middy<SQSEvent, SQSBatchResponse>(managed())
  .use(batch({ type: 'sqsFifo' }))
  .handler(async (_event, { batch }) =>
    batch.process(({ body }, { signal }) => book(JSON.parse(body), signal), { concurrency: 20 }),
  )
