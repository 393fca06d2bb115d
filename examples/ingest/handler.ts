import { pipeline } from 'node:stream/promises'
import middy from '@middy/core'
import warmup from '@middy/warmup'
import type { S3Event } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'
import { type Summary, summarize } from './summary.ts'
import { openObject, uploaded } from './uploaded.ts'

/** Answers a summary of the CSV that an S3 ObjectCreated event tells of. */
export const handler = middy<S3Event, Summary>(managed())
  .use(workspace())
  .use(warmup())
  .handler(async (event, { workspace }, { signal }) => {
    const csv = await openObject(uploaded(event), signal)
    await pipeline(csv, workspace.createWriteStream('input.csv'), { signal })
    return await summarize(workspace.createReadStream('input.csv'))
  })
