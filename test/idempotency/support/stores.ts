import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import type { IdempotencyLambdaHandlerOptions } from '@aws-lambda-powertools/idempotency/types'
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import { MemoryCache } from './cache.ts'
import { Database } from './database.ts'

export type Store = IdempotencyLambdaHandlerOptions['persistenceStore']

/** A database of this file's own, empty before each test. */
export const ownDatabase = (): Database => {
  const database = new Database()
  beforeAll(() => database.start())
  afterEach(async () => {
    database.recover()
    await expectNoLeaks()
    await database.clear()
  })
  afterAll(() => database.stop())
  return database
}

/** A layer on `database`; each worker of a process has one of its own. */
export const dynamoStore = (database: Database, options: { maxAttempts?: number; endpoint?: string } = {}): Store =>
  new DynamoDBPersistenceLayer({ tableName: database.table, awsSdkV3Client: database.client(options) })

export const cacheStore = (cache: MemoryCache = new MemoryCache()): Store =>
  new CachePersistenceLayer({ client: cache })
