import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { batch } from 'middy-managed-instances/batch'
import { type Database, database } from 'middy-managed-instances/database'
import { loader, parameters } from 'middy-managed-instances/parameters'
import { workspace } from 'middy-managed-instances/workspace'

type Handler = (event: unknown, context: object) => Promise<unknown>

const gc = (globalThis as unknown as { gc(options?: { type: 'minor' }): void }).gc

const requests = 500

const lent = Object.freeze({ client: {}, end: () => undefined })

const db: Database<object> = {
  name: 'lent',
  pool: Promise.resolve(undefined),
  acquire: async () => lent,
  lend: (_request, taker) => taker.take(lent),
  describe: async () => '',
  close: async () => {},
}

const handlers = {
  managed: middy(managed()).handler(async () => nextTurn()),
  workspace: middy(managed())
    .use(workspace())
    .handler(async () => nextTurn()),
  database: middy(managed())
    .use(database({ db }))
    .handler(async (_event, { db }) => nextTurn(await db.client())),
  parameters: middy(managed())
    .use(parameters({ values: { region: loader('region', async () => 'eu') } }))
    .handler(async () => nextTurn()),
  batch: middy<SQSEvent>(managed())
    .use(batch({ type: 'sqs' }))
    .handler(async (_event, { batch }) => batch.process(() => nextTurn())),
} satisfies Record<string, unknown>

const event = { Records: [{ messageId: '1', eventSource: 'aws:sqs', body: '' }] }

const contextOf = (): object => ({ awsRequestId: 'a', getRemainingTimeInMillis: () => 30_000 })

/** Bytes for each request that only a full collection would free. */
const survivors = async (handler: Handler): Promise<number> => {
  const serve = async (): Promise<void> => {
    for (let request = 0; request < requests; request++) await handler(event, contextOf())
    gc({ type: 'minor' })
    gc({ type: 'minor' })
  }
  await serve()
  gc()
  const before = getHeapStatistics().used_heap_size
  await serve()
  return (getHeapStatistics().used_heap_size - before) / requests
}

const found: Record<string, number> = {}
for (const [name, handler] of Object.entries(handlers)) found[name] = Math.round(await survivors(handler as never))
console.log(JSON.stringify(found))
