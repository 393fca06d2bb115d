import { createReadStream, createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { S3Event } from 'aws-lambda'
import { type Summary, summarize } from './summary.ts'
import { openObject, uploaded } from './uploaded.ts'

const file = join(tmpdir(), 'input.csv')

/** The same function as it is written for classic Lambda, where a process has one request at a time. */
export const handler = async (event: S3Event & { readonly source?: string }): Promise<Summary | 'warmup'> => {
  if (event.source === 'serverless-plugin-warmup') return 'warmup'
  await pipeline(await openObject(uploaded(event)), createWriteStream(file))
  return await summarize(createReadStream(file))
}
