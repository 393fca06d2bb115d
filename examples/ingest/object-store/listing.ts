import type { StoredObject } from './objects.ts'
import { document } from './xml.ts'

/** ListObjectsV2: one page of keys in order, with `prefix`, `max-keys` and `continuation-token`. */
export const listObjects = (
  bucket: string,
  objects: ReadonlyMap<string, StoredObject>,
  parameters: URLSearchParams,
): string => {
  const prefix = parameters.get('prefix') ?? ''
  const after = parameters.get('continuation-token') ?? parameters.get('start-after') ?? ''
  const pageSize = Number(parameters.get('max-keys') ?? 1000)
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
  const page = keys.slice(0, pageSize)
  const isTruncated = keys.length > page.length
  return document('ListBucketResult', {
    Name: bucket,
    Prefix: prefix,
    KeyCount: page.length,
    MaxKeys: pageSize,
    IsTruncated: isTruncated,
    ...(isTruncated && { NextContinuationToken: page.at(-1) ?? '' }),
    Contents: page.map((key) => describe(key, objects.get(key) as StoredObject)),
  })
}

const describe = (key: string, { etag, body, lastModified }: StoredObject) => ({
  Key: key,
  LastModified: lastModified.toISOString(),
  ETag: `"${etag}"`,
  Size: body.length,
  StorageClass: 'STANDARD',
})
