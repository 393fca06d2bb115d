import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Buckets, type PutOptions, putObject, type StoredObject } from './object-store/objects.ts'
import { serve } from './object-store/requests.ts'

/** A small S3 on loopback: path style, one part an object, everything in memory. */
export interface ObjectStore {
  /** The endpoint to give the AWS SDK, for example as `AWS_ENDPOINT_URL_S3`. */
  readonly url: string
  /** Puts an object without a request; its bucket exists from then on. */
  put(bucket: string, key: string, body: Uint8Array | string, options?: PutOptions): StoredObject
  delete(bucket: string, key: string): void
  close(): Promise<void>
}

/**
 * Starts an object store that answers GetObject, HeadObject, PutObject, DeleteObject and ListObjectsV2.
 *
 * @example
 * const store = await startObjectStore()
 * store.put('uploads', 'stocks.csv', 'symbol,price\nMSFT,39.81\n')
 * const s3 = new S3Client({ endpoint: store.url, region: 'us-east-1' })
 * await store.close()
 */
export const startObjectStore = async (): Promise<ObjectStore> => {
  const buckets: Buckets = new Map()
  const server = createServer((request, response) => serve(buckets, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return {
    url: `http://127.0.0.1:${port}`,
    put: (bucket, key, body, options) => putObject(buckets, bucket, key, body, options),
    delete: (bucket, key) => void buckets.get(bucket)?.delete(key),
    close,
  }
}
