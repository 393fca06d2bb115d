import { Logger } from '@aws-lambda-powertools/logger'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'

export const logger = new Logger({ serviceName: 'orders', logBufferOptions: { bufferAtVerbosity: 'DEBUG' } })

interface Order {
  readonly id: string
  readonly quantities: readonly number[]
}

/** Adds an order up. Every line has the keys of its own request; the debug lines are written if it fails. */
export const handler = middy<Order, { total: number }>(managed())
  .use(powertools({ logger, flushBufferOnUncaughtError: true }))
  .handler(async ({ id, quantities }) => {
    logger.appendKeys({ order: id })
    let total = 0
    for (const [line, quantity] of quantities.entries()) {
      logger.debug('Adding a line', { line, quantity })
      // Other requests have their turn here, and their lines come between ours.
      await Promise.resolve()
      if (quantity < 0) throw new RangeError(`Order ${id} has a quantity of ${quantity} in line ${line}.`)
      total += quantity
    }
    logger.info('Added up', { total })
    return { total }
  })
