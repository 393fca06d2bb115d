// First: the packages read the environment when they are loaded.
import '../powertools/support/managed-environment.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { expectNoLeaks, invoke, invokeConcurrently, stub } from 'middy-managed-instances/testing'
import pg from 'pg'
import { startDynamoDB } from '../../examples/ingest/demo/dynamodb.ts'
import { objectCreated, warmupEvent } from '../../examples/ingest/demo/events.ts'
import { Redelivery } from '../../examples/ingest/demo/redelivery.ts'
import type { Report } from '../../examples/ingest/demo/report.ts'
import { startRowStore } from '../../examples/ingest/demo/row-store.ts'
import { type ObjectStore, startObjectStore } from '../../examples/ingest/object-store.ts'
import { login, settings } from '../../examples/ingest/settings.ts'
import { takeConsole } from '../powertools/support/invocation.ts'

const bucket = 'uploads'

describe('the ingest handler, called directly', () => {
  const environment = process.env
  const stops: (() => Promise<void>)[] = []
  let store: ObjectStore
  let database: pg.Client
  let written: ReturnType<typeof takeConsole>
  let handler: typeof import('../../examples/ingest/handler.ts').handler

  const started = <S>(service: S, stop: (service: S) => Promise<void>): S => {
    stops.unshift(() => stop(service))
    return service
  }

  beforeAll(async () => {
    written = takeConsole()
    store = started(await startObjectStore(), (store) => store.close())
    const dynamodb = started(await startDynamoDB(), (dynamodb) => dynamodb.stop())
    const rows = started(await startRowStore(), (rows) => rows.stop())
    await rows.prepare(new Map())
    process.env = {
      ...environment,
      ...rows.env('ingest'),
      AWS_ENDPOINT_URL_S3: store.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'EXAMPLE',
    }
    const user = JSON.parse(rows.login) as { username: string; password: string }
    stub(settings.bucket, bucket)
    stub(settings.format, { delimiter: ',' })
    stub(login, user)
    ;({ handler } = await import('../../examples/ingest/handler.ts'))
    const { uploads } = await import('../../examples/ingest/database.ts')
    started(uploads, (uploads) => uploads.close())
    database = started(new pg.Client({ ...user, user: user.username }), (client) => client.end())
    await database.connect()
  })

  afterAll(async () => {
    jest.restoreAllMocks()
    process.env = environment
    for (const stop of stops) await stop()
  })

  afterEach(() => expectNoLeaks())

  const loaded = async (...files: readonly string[]): Promise<number[]> => {
    const { rows } = await database.query<{ file: string; count: number }>(
      'SELECT file, count(*)::int FROM rows WHERE file = ANY ($1) GROUP BY file',
      [files],
    )
    return files.map((file) => rows.find((row) => row.file === file)?.count ?? 0)
  }

  test('loads the CSV that the event names and answers a summary of it', async () => {
    const key = '2026/prices of May+June.csv'
    const { etag } = store.put(bucket, key, 'symbol,price,volume\nMSFT,39.5,\nAAPL,25,7\n')
    expect(await invoke(handler, objectCreated({ bucket, key }))).toEqual({
      rows: 2,
      columns: ['symbol', 'price', 'volume'],
      sums: { price: 64.5, volume: 7 },
      md5: etag,
    })
    const { rows } = await database.query('SELECT cells FROM rows WHERE file = $1 ORDER BY cells->>0', [key])
    expect(rows).toEqual([{ cells: ['AAPL', '25', '7'] }, { cells: ['MSFT', '39.5', ''] }])
  })

  test('keeps many requests apart that overlap', async () => {
    const keys = Array.from({ length: 100 }, (_, index) => `${index}.csv`)
    const etags = keys.map((key, index) => store.put(bucket, key, `n\n${`${index}\n`.repeat(1_100)}`).etag)
    const events = keys.map((key) => objectCreated({ bucket, key }))
    const answers = await invokeConcurrently(handler, events, { concurrency: 64 })
    expect(answers).toMatchObject(
      etags.map((md5, index) => ({ status: 'fulfilled', value: { rows: 1_100, sums: { n: 1_100 * index }, md5 } })),
    )
    expect(await loaded(...keys)).toEqual(keys.map(() => 1_100))
    const recorded = written.blobs().map(({ file }) => file)
    expect(keys.filter((key) => recorded.filter((file) => file === key).length === 1)).toEqual(keys)
    const logged = written.lines().filter(({ message, rows }) => message === 'Loaded' && rows === 1_100)
    expect(new Set(logged.map(({ file }) => file))).toEqual(new Set(keys))
  })

  test('loads an upload once whose event is delivered again, while it is loaded and later', async () => {
    const key = 'again.csv'
    const redelivery = new Redelivery()
    store.put(bucket, key, 'n\n1\n2\n', { beforeSending: () => redelivery.read() })
    const event = objectCreated({ bucket, key })
    const first = invoke(handler, event)
    await redelivery.begun
    await expect(invoke(handler, event)).rejects.toMatchObject({ name: 'IdempotencyAlreadyInProgressError' })
    redelivery.release()
    const answer = await first
    expect(await invoke(handler, event)).toEqual(answer)
    expect(await loaded(key)).toEqual([2])
    expect(redelivery.executions).toBe(1)
  })

  test('leaves nothing when the object is missing, the CSV is broken or another middleware answers', async () => {
    store.put(bucket, 'broken.csv', `a,b\n${'1,2\n'.repeat(2_500)}1,"2\n`)
    const broken = objectCreated({ bucket, key: 'broken.csv' })
    const missing = objectCreated({ bucket, key: 'missing.csv' })
    await expect(invoke(handler, broken)).rejects.toThrow('Quote Not Closed')
    await expect(invoke(handler, missing)).rejects.toMatchObject({ name: 'NoSuchKey' })
    expect(await invoke(handler, warmupEvent as never)).toBe('warmup')
    expect(await loaded('broken.csv', 'missing.csv')).toEqual([0, 0])
    expect(written.lines().filter(({ code }) => code === 'LEASE_LEAK')).toMatchObject([{ action: 'rolledBack' }])
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
      parameterCalls: 1,
    })
    expect(report.naive.foreignReads).toBeGreaterThan(0)
    expect(report.peakInFlightPerWorker).toBeGreaterThan(1)
    expect(report.database).toEqual({
      connectionsUsed: expect.any(Number),
      connectionBudget: 16,
      leaks: 0,
      rolledBack: 16,
      idleInTransaction: 0,
      filesExpected: 272,
      filesComplete: 272,
      filesWrong: 0,
      rowsExpected: 238_350,
      rowsFound: 238_350,
    })
    expect(report.database.connectionsUsed).toBeGreaterThanOrEqual(8)
    expect(report.database.connectionsUsed).toBeLessThanOrEqual(16)
    expect(report.naive.database.filesComplete).toBeLessThan(report.naive.database.filesExpected)
    expect(report.idempotency).toEqual({ duplicates: 56, refused: 28, replayed: 28, executedTwice: 0 })
    expect(report.naive.idempotency.executedTwice).toBeGreaterThan(0)
    expect(report.traces).toMatchObject({ expected: 456, wrong: 0 })
    // Datagrams may be lost.
    expect(report.traces.received).toBeGreaterThan(456 * 0.98)
    const { expected: reached } = report.metrics
    expect(report.metrics).toEqual({ requests: reached, expected: reached, blobs: reached })
    // Of those that time out, a few may do so before their handler on a busy machine.
    expect(reached).toBeGreaterThanOrEqual(368 - 24)
    expect(reached).toBeLessThanOrEqual(368)
    expect(stdout).toContain('naive twin')
    expect(stderr).toContain('of 400 answered')
  }, 180_000)

  test('says which options it takes', async () => {
    const { stderr, code } = await runDemo('--requests', 'many')
    expect(stderr).toContain('--requests must be a whole number from 100, not many.')
    expect(code).toBe(1)
  })
})
