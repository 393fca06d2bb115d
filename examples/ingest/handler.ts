import { pipeline } from 'node:stream/promises'
import middy from '@middy/core'
import warmup from '@middy/warmup'
import type { S3Event } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { parameters } from 'middy-managed-instances/parameters'
import { workspace } from 'middy-managed-instances/workspace'
import { settings } from './settings.ts'
import { type Summary, summarize } from './summary.ts'
import { openObject, uploaded } from './uploaded.ts'

/** Answers a summary of the CSV that an S3 ObjectCreated event tells of. */
export const handler = middy<S3Event, Summary>(managed())
  .use(parameters({ values: settings }))
  .use(workspace())
  .use(warmup())
  .handler(async (event, { parameters, workspace }, { signal }) => {
    const csv = await openObject({ bucket: parameters.bucket, key: uploaded(event).key }, signal)
    await pipeline(csv, workspace.createWriteStream('input.csv'), { signal })
    return await summarize(workspace.createReadStream('input.csv'), parameters.format)
  })
