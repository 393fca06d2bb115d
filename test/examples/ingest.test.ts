import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { expectNoLeaks, invoke, invokeConcurrently, stub } from 'middy-managed-instances/testing'
import { objectCreated, warmupEvent } from '../../examples/ingest/demo/events.ts'
import type { Report } from '../../examples/ingest/demo/report.ts'
import { type ObjectStore, startObjectStore } from '../../examples/ingest/object-store.ts'
import { settings } from '../../examples/ingest/settings.ts'

const bucket = 'uploads'

describe('the ingest handler, called directly', () => {
  const environment = process.env
  let store: ObjectStore
  let handler: typeof import('../../examples/ingest/handler.ts').handler

  beforeAll(async () => {
    store = await startObjectStore()
    process.env = {
      ...environment,
      AWS_ENDPOINT_URL_S3: store.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'EXAMPLE',
    }
    stub(settings.bucket, bucket)
    stub(settings.format, { delimiter: ',' })
    ;({ handler } = await import('../../examples/ingest/handler.ts'))
  })

  afterAll(async () => {
    process.env = environment
    await store.close()
  })

  afterEach(() => expectNoLeaks())

  test('answers a summary of the CSV that the event names', async () => {
    const key = '2026/prices of May+June.csv'
    const { etag } = store.put(bucket, key, 'symbol,price,volume\nMSFT,39.5,\nAAPL,25,7\n')
    expect(await invoke(handler, objectCreated({ bucket, key }))).toEqual({
      rows: 2,
      columns: ['symbol', 'price', 'volume'],
      sums: { price: 64.5, volume: 7 },
      md5: etag,
    })
  })

  test('keeps many requests apart that overlap', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `${index}.csv`)
    const etags = keys.map((key, index) => store.put(bucket, key, `n\n${`${index}\n`.repeat(500)}`).etag)
    const events = keys.map((key) => objectCreated({ bucket, key }))
    const answers = await invokeConcurrently(handler, events, { concurrency: 64 })
    expect(answers).toMatchObject(
      etags.map((md5, index) => ({ status: 'fulfilled', value: { rows: 500, sums: { n: 500 * index }, md5 } })),
    )
  })

  test('leaves nothing when the object is missing, the CSV is broken or another middleware answers', async () => {
    store.put(bucket, 'broken.csv', 'a,b\n1,"2\n')
    const broken = objectCreated({ bucket, key: 'broken.csv' })
    const missing = objectCreated({ bucket, key: 'missing.csv' })
    await expect(invoke(handler, broken)).rejects.toThrow('Quote Not Closed')
    await expect(invoke(handler, missing)).rejects.toMatchObject({ name: 'NoSuchKey' })
    expect(await invoke(handler, warmupEvent as never)).toBe('warmup')
  })
})

describe('the demo', () => {
  const demo = fileURLToPath(new URL('../../examples/ingest/demo.ts', import.meta.url))

  const runDemo = async (...options: string[]) => {
    const flags = ['--conditions=middy-managed-instances/source', '--no-warnings', demo, ...options]
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { stdout, stderr, code: code as number | null }
  }

  test('gives every request its own data where the naive twin does not', async () => {
    const { stdout, stderr, code } = await runDemo('--requests', '400', '--json')
    if (code !== 0) throw new Error(`The demo ended with ${code}.\n${stdout}\n${stderr}`)
    const lines = stdout.trimEnd().split('\n')
    const report = JSON.parse(lines.at(-1) ?? '') as Report
    expect(report.wrongAnswers).toEqual([])
    expect(report).toMatchObject({
      requests: 400,
      rightAnswers: 400,
      unexpectedErrors: 0,
      unanswered: 0,
      foreignReads: 0,
      tornReads: 0,
      leakedWorkspaces: 0,
      leakedFiles: 0,
    })
    expect(report.parameterCalls).toBe(1)
    expect(report.naive.foreignReads).toBeGreaterThan(0)
    expect(report.peakInFlightPerWorker).toBeGreaterThan(1)
    expect(stdout).toContain('naive twin')
    expect(stderr).toContain('of 400 answered')
  }, 180_000)

  test('says which options it takes', async () => {
    const { stderr, code } = await runDemo('--requests', 'many')
    expect(stderr).toContain('--requests must be a whole number from 100, not many.')
    expect(code).toBe(1)
  })
})
