import type { Readable } from 'node:stream'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { S3Event } from 'aws-lambda'

/** Where an object lies. */
export interface ObjectReference {
  readonly bucket: string
  readonly key: string
}

const s3 = new S3Client()

/** The object an S3 event tells of. Keys in events are form-encoded. */
export const uploaded = (event: S3Event): ObjectReference => {
  const record = event.Records[0]
  if (record === undefined) throw new TypeError('The S3 event has no records: nothing was uploaded.')
  const { bucket, object } = record.s3
  return { bucket: bucket.name, key: decodeURIComponent(object.key.replaceAll('+', ' ')) }
}

/** Opens an object as a stream of its bytes. When the signal aborts, the download ends with an error. */
export const openObject = async ({ bucket, key }: ObjectReference, signal?: AbortSignal): Promise<Readable> => {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key })
  const { Body } = await s3.send(command, signal && { abortSignal: signal })
  return Body as Readable
}
