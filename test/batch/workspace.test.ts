import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { batch } from 'middy-managed-instances/batch'
import { barrier, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'

const record = (id: string) => ({
  messageId: id,
  receiptHandle: id,
  body: id,
  attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '0',
    SenderId: 'test',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:orders',
  awsRegion: 'us-east-1',
})

afterEach(() => expectNoLeaks())

test('each record has a workspace of its own, gone when the record is done', async () => {
  const meet = barrier(10)
  const seen: string[] = []
  const handler = middy<SQSEvent, SQSBatchResponse>(managed())
    .use(workspace())
    .use(batch({ type: 'sqs', onRecordError: () => {} }))
    .handler(async (_event, { batch, workspace }) => {
      const answer = await batch.process(
        async ({ body }, { scope }) => {
          const own = workspace.within(scope)
          const file = await own.write('input', body)
          seen.push(file)
          await meet()
          expect(await readFile(file, 'utf8')).toBe(body)
          expect(await readdir(own.path)).toEqual(['input'])
          if (body === '3') throw new Error('failed')
        },
        { concurrency: 10 },
      )
      expect(seen.filter((file) => existsSync(dirname(file)))).toEqual([])
      return answer
    })
  const answer = await invoke(handler, { Records: Array.from({ length: 10 }, (_, id) => record(`${id}`)) })
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: '3' }] })
  expect(new Set(seen).size).toBe(10)
})
