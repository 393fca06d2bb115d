import { createHash } from 'node:crypto'

/** One object as it is kept: its bytes and what S3 says of them. */
export interface StoredObject {
  readonly body: Buffer
  /** MD5 of the body in hex, as S3 has it for an object that was uploaded in one part. */
  readonly etag: string
  readonly contentType: string
  readonly lastModified: Date
  readonly bytesPerSecond: number
  readonly beforeSending: () => Promise<void>
}

export interface PutOptions {
  readonly contentType?: string
  /** Sends the body no faster than this, as a congested network would. Unlimited by default. */
  readonly bytesPerSecond?: number | undefined
  /** Called for each GetObject, whose body is sent when what it returns has resolved. */
  readonly beforeSending?: () => Promise<void>
}

/** Buckets by name, objects by key. */
export type Buckets = Map<string, Map<string, StoredObject>>

export const putObject = (
  buckets: Buckets,
  bucket: string,
  key: string,
  content: Uint8Array | string,
  {
    contentType = 'application/octet-stream',
    bytesPerSecond = Number.POSITIVE_INFINITY,
    beforeSending = async () => {},
  }: PutOptions = {},
): StoredObject => {
  const body = Buffer.from(content as Uint8Array)
  const etag = createHash('md5').update(body).digest('hex')
  const stored: StoredObject = { body, etag, contentType, lastModified: new Date(), bytesPerSecond, beforeSending }
  const objects = buckets.get(bucket) ?? new Map<string, StoredObject>()
  buckets.set(bucket, objects.set(key, stored))
  return stored
}
