import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server

export type Operation = 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'GetItem'

/** What is done to a call in place of an answer; `lose` lets it be done and breaks the connection off. */
type Fault = 'throttle' | 'hang' | 'lose'

interface PlannedFault {
  readonly operation: Operation
  readonly fault: Fault
  left: number
}

export type Item = Record<string, AttributeValue>

/** DynamoDB on loopback, with one table whose calls can be counted, held up and made to fail. */
export class Database {
  readonly table = 'idempotency'
  readonly calls: Operation[] = []
  readonly #dynalite = dynalite({ createTableMs: 0 })
  readonly #server = createServer((request, response) => this.#serve(request, response))
  readonly #clients: DynamoDBClient[] = []
  #faults: PlannedFault[] = []
  #hanging: (() => void)[] = []
  #waiting: { readonly operation: Operation; readonly resolve: () => void }[] = []

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    await this.client().send(
      new CreateTableCommand({
        TableName: this.table,
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    this.calls.length = 0
  }

  async stop(): Promise<void> {
    this.recover()
    for (const client of this.#clients) client.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  client(options: { maxAttempts?: number; endpoint?: string } = {}): DynamoDBClient {
    const client = new DynamoDBClient({
      endpoint: this.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' },
      ...options,
    })
    this.#clients.push(client)
    return client
  }

  /** Does `fault` to the next `count` calls of an operation. */
  fail(operation: Operation, fault: Fault, count = 1): void {
    this.#faults.push({ operation, fault, left: count })
  }

  /** Ends all faults; calls that hang are answered. */
  recover(): void {
    this.#faults = []
    for (const answer of this.#hanging.splice(0)) answer()
  }

  /** Resolves when the next call of an operation has been answered. */
  async answered(operation: Operation): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push({ operation, resolve }))
  }

  async items(): Promise<Item[]> {
    const { Items = [] } = await this.client().send(new ScanCommand({ TableName: this.table, ConsistentRead: true }))
    return Items
  }

  async put(item: Item): Promise<void> {
    await this.client().send(new PutItemCommand({ TableName: this.table, Item: item }))
  }

  async clear(): Promise<void> {
    const client = this.client()
    for (const { id } of await this.items())
      await client.send(new DeleteItemCommand({ TableName: this.table, Key: { id: id as AttributeValue } }))
    this.calls.length = 0
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const operation = String(request.headers['x-amz-target']).split('.')[1] as Operation
    this.calls.push(operation)
    const planned = this.#faults.find((fault) => fault.operation === operation && fault.left > 0)
    const pass = (): void => void this.#dynalite.emit('request', request, response)
    response.on('finish', () => {
      const [done, rest] = [this.#waiting.filter((w) => w.operation === operation), this.#waiting]
      this.#waiting = rest.filter((w) => w.operation !== operation)
      for (const { resolve } of done) resolve()
    })
    if (planned !== undefined) planned.left--
    const fault = planned?.fault
    switch (fault) {
      case undefined:
        pass()
        return
      case 'throttle':
        response.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.0' })
        response.end(
          JSON.stringify({
            __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
            message: 'The level of configured provisioned throughput for the table was exceeded.',
          }),
        )
        return
      case 'hang':
        this.#hanging.push(pass)
        return
      case 'lose':
        response.end = (() => {
          request.socket.destroy()
          return response
        }) as typeof response.end
        pass()
        return
      default:
        fault satisfies never
    }
  }
}
