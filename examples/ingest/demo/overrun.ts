import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import middy from '@middy/core'
import type { S3Event } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type Db, database } from 'middy-managed-instances/database'
import { powertools } from 'middy-managed-instances/powertools'
import { workspace } from 'middy-managed-instances/workspace'
import type pg from 'pg'
import { uploads } from '../database.ts'
import { insertRows } from '../insert-rows.ts'
import { logger, metrics, recordFile, tracer } from '../instruments.ts'
import { type Summary, summarize } from '../summary.ts'
import { openObject, uploaded } from '../uploaded.ts'

/**
 * The handler as a zombie: it has its transaction open from the start, takes no notice of its signal and writes with plain `node:fs`,
 * so that on Lambda Managed Instances it goes on long after its request has timed out.
 */
export const overrun = middy<S3Event, Summary>(managed())
  .use(powertools({ logger, tracer, metrics }))
  .use(workspace())
  .use(database({ db: uploads }))
  .handler(async (event, { workspace, db }) => {
    const reference = uploaded(event)
    recordFile(reference.key)
    const transaction = begin(db, reference.key)
    // Others like it may hold all clients of the worker: it has to time out even so.
    transaction.catch(() => {})
    const file = workspace.file('input.csv')
    await pipeline(await openObject(reference), createWriteStream(file))
    const client = await transaction
    const csv = workspace.createReadStream('input.csv')
    const summary = await summarize(csv, { delimiter: ',' }, (rows) => insertRows(client, reference.key, rows))
    await client.query('COMMIT')
    return summary
  })

const begin = async (db: Db<pg.PoolClient>, file: string): Promise<pg.PoolClient> => {
  const client = await db.client()
  await client.query('BEGIN')
  await insertRows(client, file, [['written before the timeout']])
  return client
}
