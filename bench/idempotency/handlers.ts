import { makeIdempotent } from '@aws-lambda-powertools/idempotency'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type IdempotencyOptions, idempotency } from 'middy-managed-instances/idempotency'
import { MemoryPersistenceLayer } from './memory-layer.ts'

type PersistenceStore = IdempotencyOptions['persistenceStore']

export type HandlerName = 'makeIdempotent' | 'idempotency' | 'managed'

export interface Order {
  readonly orderId: string
  readonly lines: readonly { readonly id: number; readonly price: number }[]
}

export type Handler = (event: Order, context: object) => Promise<unknown>

const work = async ({ orderId }: Order): Promise<object> => ({ charged: orderId })

/** In DynamoDB, or in memory for a request that costs nothing but what the idempotency does. */
export const makeStore = (endpoint: string | undefined): PersistenceStore => {
  if (endpoint === undefined) return new MemoryPersistenceLayer()
  const credentials = { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' }
  const awsSdkV3Client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
  return new DynamoDBPersistenceLayer({ tableName: 'idempotency', awsSdkV3Client })
}

export const makeHandler = (name: HandlerName, persistenceStore: PersistenceStore): Handler => {
  switch (name) {
    case 'makeIdempotent':
      return makeIdempotent((event: Order, _context: Context) => work(event), { persistenceStore }) as Handler
    case 'idempotency':
      return middy<Order, object>(managed()).use(idempotency({ persistenceStore })).handler(work) as unknown as Handler
    case 'managed':
      return middy<Order, object>(managed()).handler(
        makeIdempotent((event: Order, _context: Context) => work(event), { persistenceStore }) as typeof work,
      ) as unknown as Handler
    default:
      return name satisfies never
  }
}
