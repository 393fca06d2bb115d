import { Logger } from '@aws-lambda-powertools/logger'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'

/** What a log may show of the fields with these names, however deep they are. */
const masks: ReadonlyMap<string, (value: unknown) => string> = new Map([
  ['card', (card) => `****${String(card).slice(-4)}`],
  ['email', (email) => String(email).replace(/^[^@]*/, '****')],
])

/**
 * Powertools for TypeScript has no data masking, as it has for Python. This masks what the logger writes, the event
 * and its other keys too, by the names of fields: not what is written into the text of a message.
 */
const logger = new Logger({
  serviceName: 'payments',
  jsonReplacerFn: (name, value) => masks.get(name)?.(value) ?? value,
})

interface Payment {
  readonly id: string
  readonly amount: number
  readonly payer: { readonly card: string; readonly email: string }
}

/** Charges a payment, and logs the event and the payer with nothing in it that logs must not have. */
export const handler = middy<Payment, { id: string; receiptTo: string }>(managed())
  .use(powertools({ logger, logEvent: true }))
  .handler(async ({ id, amount, payer }) => {
    logger.appendKeys({ payment: id })
    await Promise.resolve()
    if (amount > 100) throw new RangeError(`Payment ${id} is for ${amount}; 100 are allowed.`)
    logger.info('Charged', { amount, payer })
    return { id, receiptTo: payer.email }
  })
