import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoredObject } from './objects.ts'

const tick = 50

/** Answers GetObject and HeadObject, at the pace the object was given. */
export const sendObject = async (
  stored: StoredObject,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { body, etag, contentType, lastModified, bytesPerSecond, beforeSending } = stored
  response.writeHead(200, {
    'content-type': contentType,
    'content-length': body.length,
    etag: `"${etag}"`,
    'last-modified': lastModified.toUTCString(),
  })
  if (request.method === 'HEAD') return void response.end()
  await beforeSending()
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return void response.end(body)
  // A client that hangs up in the middle is no error of the store.
  await pipeline(Readable.from(drip(body, (bytesPerSecond * tick) / 1000)), response).catch(() => {})
}

async function* drip(body: Buffer, bytesPerTick: number): AsyncGenerator<Buffer> {
  const step = Math.max(1, Math.ceil(bytesPerTick))
  for (let from = 0; from < body.length; from += step) {
    yield body.subarray(from, from + step)
    await sleep(tick)
  }
}
