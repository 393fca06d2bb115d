import { pipeline } from 'node:stream/promises'
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import middy from '@middy/core'
import warmup from '@middy/warmup'
import type { S3Event } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { idempotency } from 'middy-managed-instances/idempotency'
import { parameters } from 'middy-managed-instances/parameters'
import { powertools } from 'middy-managed-instances/powertools'
import { workspace } from 'middy-managed-instances/workspace'
import { uploads } from './database.ts'
import { insertRows } from './insert-rows.ts'
import { logger, metrics, recordFile, tracer } from './instruments.ts'
import { settings } from './settings.ts'
import { type Summary, summarize } from './summary.ts'
import { openObject, uploaded } from './uploaded.ts'

/** An upload is loaded once, however often S3 delivers its event. */
const oncePerUpload = {
  persistenceStore: new DynamoDBPersistenceLayer({ tableName: 'ingest' }),
  config: new IdempotencyConfig({ eventKeyJmesPath: 'Records[0].s3.object.[key, sequencer]' }),
}

/** Loads the CSV that an S3 ObjectCreated event tells of into the database, all of it or nothing, and answers a summary. */
export const handler = middy<S3Event, Summary>(managed())
  .use(powertools({ logger, tracer, metrics }))
  .use(idempotency(oncePerUpload))
  .use(parameters({ values: settings }))
  .use(workspace())
  .use(database({ db: uploads }))
  .use(warmup())
  .handler(async (event, { parameters, workspace, db }, { signal }) => {
    const { key } = uploaded(event)
    recordFile(key)
    const csv = await openObject({ bucket: parameters.bucket, key }, signal)
    await pipeline(csv, workspace.createWriteStream('input.csv'), { signal })

    const client = await db.client()
    await client.query('BEGIN')
    const file = workspace.createReadStream('input.csv')
    const summary = await summarize(file, parameters.format, (rows) => insertRows(client, key, rows))
    await client.query('COMMIT')
    logger.info('Loaded', { rows: summary.rows })
    return summary
  })
