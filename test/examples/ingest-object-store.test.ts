import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type ObjectStore, startObjectStore } from '../../examples/ingest/object-store.ts'

const Bucket = 'uploads'

describe('the object store, through the AWS SDK', () => {
  let store: ObjectStore
  let s3: S3Client

  beforeEach(async () => {
    store = await startObjectStore()
    s3 = new S3Client({
      endpoint: store.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' },
    })
  })

  afterEach(async () => {
    s3.destroy()
    await store.close()
  })

  test('gives back what was put, with its type, size and ETag', async () => {
    const Key = '2026/año nuevo+1%.csv'
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'a,b\n1,2\n', ContentType: 'text/csv' }))
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }))
    expect(await got.Body?.transformToString()).toBe('a,b\n1,2\n')
    expect(got).toMatchObject({ ContentType: 'text/csv', ContentLength: 8, ETag: put.ETag })
    expect(put.ETag).toBe('"e5ebd4c02cefbe7955977c67ada242b7"')
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }))
    expect(head).toMatchObject({ ContentLength: 8, ETag: put.ETag, LastModified: expect.any(Date) })
  })

  test('answers the errors of S3 by their names', async () => {
    await expect(s3.send(new GetObjectCommand({ Bucket, Key: 'a.csv' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
      message: 'The specified bucket does not exist',
    })
    store.put(Bucket, 'a.csv', '')
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a.csv' }))
    await expect(s3.send(new GetObjectCommand({ Bucket, Key: 'a.csv' }))).rejects.toMatchObject({
      name: 'NoSuchKey',
      message: 'The specified key does not exist.',
      $metadata: { httpStatusCode: 404 },
    })
    await expect(s3.send(new HeadObjectCommand({ Bucket, Key: 'a.csv' }))).rejects.toMatchObject({ name: 'NotFound' })
  })

  test('lists keys in pages, in order, below a prefix', async () => {
    for (const key of ['b/2', 'a/1', 'b/1', 'b/<3>']) store.put(Bucket, key, key)
    const first = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'b/', MaxKeys: 2 }))
    expect(first.Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([
      ['b/1', 3],
      ['b/2', 3],
    ])
    const { NextContinuationToken: ContinuationToken } = first
    const second = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'b/', ContinuationToken }))
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(['b/<3>'])
    expect(second.IsTruncated).toBe(false)
  })

  test('sends an object as slowly as asked, until the client leaves', async () => {
    store.put(Bucket, 'slow.csv', 'x'.repeat(1000), { bytesPerSecond: 1000 })
    const abort = new AbortController()
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'slow.csv' }), { abortSignal: abort.signal })
    let received = 0
    const read = async () => {
      for await (const bytes of Body as AsyncIterable<Uint8Array>) {
        received += bytes.length
        if (received >= 100) abort.abort()
      }
    }
    await expect(read()).rejects.toThrow()
    expect(received).toBeLessThan(1000)
  })

  test('says what it cannot do', async () => {
    store.put(Bucket, 'a.csv', '')
    const response = await fetch(`${store.url}/${Bucket}/a.csv`, { method: 'POST' })
    expect(response.status).toBe(501)
    expect(await response.text()).toContain('<Code>NotImplemented</Code>')
  })
})
