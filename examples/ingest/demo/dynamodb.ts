import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

/** DynamoDB on loopback, with the table that the function keeps its idempotency records in. */
export interface DynamoDB {
  /** The value of `AWS_ENDPOINT_URL_DYNAMODB`. */
  readonly url: string
  stop(): Promise<void>
}

const createTable = async (endpoint: string): Promise<void> => {
  const credentials = { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' }
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
  await client.send(
    new CreateTableCommand({
      TableName: 'ingest',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
  client.destroy()
}

/** Starts dynalite in a thread of its own: in the demo's it would slow down everything that is measured there. */
export const startDynamoDB = async (): Promise<DynamoDB> => {
  const thread = new Worker(new URL('./dynamodb-server.ts', import.meta.url))
  const [port] = (await once(thread, 'message')) as [number]
  const url = `http://127.0.0.1:${port}`
  await createTable(url)
  return { url, stop: async () => void (await thread.terminate()) }
}
