import { once } from 'node:events'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

// DynamoDB on loopback, in a thread of its own, so that it does not wait for those it is measured with.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server

const server = dynalite({ createTableMs: 0 })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const credentials = { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' }
const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
await client.send(
  new CreateTableCommand({
    TableName: 'idempotency',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  }),
)
client.destroy()
parentPort?.postMessage(endpoint)
