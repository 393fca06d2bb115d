import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { sendObject } from './body.ts'
import { S3Error } from './error.ts'
import { listObjects } from './listing.ts'
import { type Buckets, putObject } from './objects.ts'

/** Answers one S3 request; whatever goes wrong is answered as S3's XML error. */
export const serve = async (buckets: Buckets, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const requestId = randomUUID()
  response.setHeader('x-amz-request-id', requestId)
  try {
    await route(buckets, request, response)
  } catch (cause) {
    if (response.headersSent) return void response.destroy()
    const error = cause instanceof S3Error ? cause : new S3Error(500, 'InternalError', String(cause))
    const body = request.method === 'HEAD' ? '' : error.toXml(request.url ?? '/', requestId)
    response.writeHead(error.status, { 'content-type': 'application/xml' }).end(body)
  }
}

const route = async (buckets: Buckets, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { bucket, key, query } = address(request)
  if (bucket !== '' && key !== '' && request.method === 'PUT') {
    const contentType = request.headers['content-type']
    const { etag } = putObject(buckets, bucket, key, await readBody(request), contentType ? { contentType } : {})
    return void response.writeHead(200, { etag: `"${etag}"` }).end()
  }
  const objects = buckets.get(bucket)
  if (objects === undefined) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist')
  if (key === '' && request.method === 'GET' && query.get('list-type') === '2') {
    const listing = listObjects(bucket, objects, query)
    return void response.writeHead(200, { 'content-type': 'application/xml' }).end(listing)
  }
  if (key !== '' && request.method === 'DELETE') {
    objects.delete(key)
    return void response.writeHead(204).end()
  }
  if (key === '' || (request.method !== 'GET' && request.method !== 'HEAD')) {
    throw new S3Error(501, 'NotImplemented', `This object store does not know ${request.method} ${request.url}.`)
  }
  const stored = objects.get(key)
  if (stored === undefined) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.')
  await sendObject(stored, request, response)
}

const address = (request: IncomingMessage): { bucket: string; key: string; query: URLSearchParams } => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const [bucket = '', ...key] = pathname.slice(1).split('/').map(decodeURIComponent)
  return { bucket, key: key.join('/'), query: searchParams }
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  if (request.headers['content-encoding']?.includes('aws-chunked')) {
    throw new S3Error(501, 'NotImplemented', 'Give PutObject a Buffer or a string: a stream arrives as aws-chunked.')
  }
  return await buffer(request)
}
