import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import middy from '@middy/core'
import type { S3Event } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'
import { type Summary, summarize } from '../summary.ts'
import { openObject, uploaded } from '../uploaded.ts'

/**
 * The handler as a zombie: it takes no notice of its signal and writes with plain `node:fs`, so that on Lambda Managed
 * Instances it goes on writing long after its request has timed out.
 */
export const overrun = middy<S3Event, Summary>(managed())
  .use(workspace())
  .handler(async (event, { workspace }) => {
    const file = workspace.file('input.csv')
    await pipeline(await openObject(uploaded(event)), createWriteStream(file))
    return await summarize(workspace.createReadStream('input.csv'))
  })
