import { randomUUID } from 'node:crypto'
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { idempotency } from 'middy-managed-instances/idempotency'

const persistenceStore = new DynamoDBPersistenceLayer({ tableName: 'idempotency' })

/** Two payments for an order are one if they name it, and of the same amount; if not, that is an error. */
const config = new IdempotencyConfig({
  eventKeyJmesPath: 'orderId',
  payloadValidationJmesPath: 'amount',
  throwOnNoIdempotencyKey: true,
})

/** Charges a payment once, however often the event is delivered. */
export const handler = middy<{ orderId: string; amount: number }, { paymentId: string; amount: number }>(managed())
  .use(idempotency({ persistenceStore, config, keyPrefix: 'payments' }))
  .handler(async ({ amount }) => ({ paymentId: randomUUID(), amount }))
