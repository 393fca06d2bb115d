import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'

/** Compresses a text in files of the request's own, and answers how long both are. */
export const handler = middy<{ text: string }, { plain: number; compressed: number }>(managed())
  .use(workspace())
  .handler(async ({ text }, { workspace }, { signal }) => {
    const plain = await workspace.write('input.txt', text)
    const compressed = workspace.file('input.txt.gz')
    await pipeline(workspace.createReadStream('input.txt'), createGzip(), workspace.createWriteStream('input.txt.gz'), {
      signal,
    })
    return { plain: (await stat(plain)).size, compressed: (await stat(compressed)).size }
  })
