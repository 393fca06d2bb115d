import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import middy from '@middy/core'
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse'
import { parse } from 'csv-parse'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'
import { workspace } from 'middy-managed-instances/workspace'
import { logger, metrics, recordFile, tracer } from './instruments.ts'
import { type ObjectReference, openObject } from './uploaded.ts'

/** Converts a CSV to lines of JSON in the workspace and streams the file back; it lasts until the last byte is sent. */
export const streamHandler = middy<ObjectReference, Readable>(
  managed({ executionMode: executionModeStreamifyResponse }),
)
  .use(powertools({ logger, tracer, metrics }))
  .use(workspace())
  .handler(async (reference, { workspace }, { signal }) => {
    recordFile(reference.key)
    const csv = await openObject(reference, signal)
    await pipeline(csv, parse({ columns: true }), toLines, workspace.createWriteStream('rows.ndjson'), { signal })
    return workspace.createReadStream('rows.ndjson')
  })

async function* toLines(records: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`
}
