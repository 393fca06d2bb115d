import type { S3Event } from 'aws-lambda'
import type { ObjectReference } from '../uploaded.ts'

/** The event S3 sends when an object was created; `configurationId` names the notification that sends it. */
export const objectCreated = ({ bucket, key }: ObjectReference, configurationId = 'ingest'): S3Event => ({
  Records: [
    {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'us-east-1',
      eventTime: '2026-01-01T00:00:00.000Z',
      eventName: 'ObjectCreated:Put',
      userIdentity: { principalId: 'EXAMPLE' },
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      responseElements: { 'x-amz-request-id': 'EXAMPLE', 'x-amz-id-2': 'EXAMPLE' },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId,
        bucket: { name: bucket, ownerIdentity: { principalId: 'EXAMPLE' }, arn: `arn:aws:s3:::${bucket}` },
        object: { key: encodeURIComponent(key).replaceAll('%20', '+'), size: 0, eTag: '', sequencer: '0' },
      },
    },
  ],
})

/** The event of serverless-plugin-warmup, which the warmup middleware answers. */
export const warmupEvent = { source: 'serverless-plugin-warmup' } as const
