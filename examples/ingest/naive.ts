import { createReadStream, createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { S3Event } from 'aws-lambda'
import pg from 'pg'
import { insertRows } from './insert-rows.ts'
import { type Summary, summarize } from './summary.ts'
import { openObject, uploaded } from './uploaded.ts'

const file = join(tmpdir(), 'input.csv')
const client = new pg.Client()
await client.connect()

/** The same function as it is written for classic Lambda, where a process has one request at a time. */
export const handler = async (event: S3Event & { readonly source?: string }): Promise<Summary | 'warmup'> => {
  if (event.source === 'serverless-plugin-warmup') return 'warmup'
  const { bucket, key } = uploaded(event)
  await pipeline(await openObject({ bucket, key }), createWriteStream(file))
  await client.query('BEGIN')
  try {
    const format = { delimiter: ',' }
    const summary = await summarize(createReadStream(file), format, (rows) => insertRows(client, key, rows))
    await client.query('COMMIT')
    return summary
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}
