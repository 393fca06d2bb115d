import './support/managed-environment.ts'
import { cleanupMiddlewares } from '@aws-lambda-powertools/commons'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { barrier, createContext } from 'middy-managed-instances/testing'
import { startBackend } from '../../examples/backend/backend.ts'
import { invokeTraced, newTrace, takeConsole } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit } from './support/packages.ts'

const { injectLambdaContext } = await import('@aws-lambda-powertools/logger/middleware')
const { logMetrics } = await import('@aws-lambda-powertools/metrics/middleware')
const { BatchProcessor, EventType, processPartialResponse } = await import('@aws-lambda-powertools/batch')
const { SSMProvider } = await import('@aws-lambda-powertools/parameters/ssm')
const { SSMClient } = await import('@aws-sdk/client-ssm')

const count = 16

let output: ReturnType<typeof takeConsole>
beforeEach(() => {
  output = takeConsole()
})
afterEach(() => {
  jest.restoreAllMocks()
})

type Work = (order: number, meet: () => Promise<void>) => Promise<unknown>

/** Sends requests that overlap, on a plain middy() with what `middlewares` are given. */
const overlap = async (work: Work, middlewares: middy.MiddlewareObj[] = []): Promise<unknown[]> => {
  const meet = barrier(count)
  const handler = middy<{ order: number }, unknown>()
    .use(middlewares)
    .handler(async ({ order }) => work(order, meet))
  const orders = Array.from({ length: count }, (_, order) => order)
  return Promise.all(
    orders.map((order) => invokeTraced(newTrace().header, () => handler({ order }, createContext() as never))),
  )
}

// What the guide says of each utility without this package: what fails here, Powertools has learned since.
describe("Powertools' utilities on their own, in requests that overlap:", () => {
  test('a logger keeps the keys, level and buffer of each request for it, and gives persistent keys to all', async () => {
    const logger = new Logger({ logBufferOptions: { enabled: true } })
    await overlap(
      async (order, meet) => {
        logger.appendKeys({ order })
        if (order === 0) logger.appendPersistentKeys({ user: 'of the first' })
        if (order === 1) logger.setLogLevel('ERROR')
        logger.debug(`buffered of ${order}`)
        await meet()
        logger.info(`of ${order}`)
        if (order === 2) logger.flushBuffer()
      },
      [injectLambdaContext(logger) as middy.MiddlewareObj],
    )
    const lines = output.lines().map(({ message, order, user }) => ({ message, order, user }))
    const user = 'of the first'
    const others = Array.from({ length: count }, (_, order) => order).filter((order) => order !== 1)
    expect(lines.filter(({ message }) => message !== 'buffered of 2')).toEqual(
      expect.arrayContaining(others.map((order) => ({ message: `of ${order}`, order, user }))),
    )
    expect(lines.map(({ message }) => message).filter((message) => !String(message).startsWith('of'))).toEqual([
      'buffered of 2',
    ])
    expect(lines).toHaveLength(count)
  })

  test('metrics keep the dimensions of each request for it, and give default ones to all', async () => {
    const metrics = new Metrics({ namespace: 'shop' })
    await overlap(
      async (order, meet) => {
        metrics.addDimension('order', `${order}`)
        if (order === 0) metrics.setDefaultDimensions({ user: 'of the first' })
        await meet()
        metrics.addMetric('number', MetricUnit.Count, order)
      },
      [logMetrics(metrics, { captureColdStartMetric: true }) as middy.MiddlewareObj],
    )
    const blobs = output.blobs()
    expect(blobs).toHaveLength(count)
    for (const blob of blobs) expect(blob).toMatchObject({ order: `${blob['number']}`, user: 'of the first' })
    expect(blobs.filter((blob) => 'ColdStart' in blob)).toEqual([])
  })

  test('of two logMetrics() on a handler, the last alone is finished by an early answer that cleans up', async () => {
    const [first, second] = [new Metrics({ namespace: 'first' }), new Metrics({ namespace: 'second' })]
    const early: middy.MiddlewareObj = {
      before: async (request) => {
        for (const metrics of [first, second]) metrics.addMetric('early', MetricUnit.Count, 1)
        await cleanupMiddlewares(request as Parameters<typeof cleanupMiddlewares>[0])
        return 'early'
      },
    }
    const middlewares = [logMetrics(first), logMetrics(second)] as middy.MiddlewareObj[]
    const handler = middy().use([...middlewares, early])
    expect(await invokeTraced(newTrace().header, () => handler({}, createContext() as never))).toBe('early')
    expect(output.blobs()).toMatchObject([{ _aws: { CloudWatchMetrics: [{ Namespace: 'second' }] } }])
  })

  test('batches with a processor each report their own records, and are one object where none has failed', async () => {
    const process = (order: number, work: () => Promise<void>) => {
      const Records = [0, 1].map((index) => ({ messageId: `${order}-${index}`, body: '', eventSource: 'aws:sqs' }))
      return processPartialResponse({ Records } as SQSEvent, work, new BatchProcessor(EventType.SQS))
    }
    const failing = await overlap((order, meet) => {
      let records = 0
      return process(order, async () => {
        if (++records === 2) throw new Error('failed')
        await meet()
      })
    })
    expect(failing).toEqual(
      Array.from({ length: count }, (_, order) => ({ batchItemFailures: [{ itemIdentifier: `${order}-1` }] })),
    )
    const succeeding = await overlap((order) => process(order, async () => {}))
    expect(new Set(succeeding).size).toBe(1)
  })

  test('parameters are fetched by each request that misses, and what they make of JSON may be changed by any', async () => {
    const backend = await startBackend()
    backend.parameters.set('/limits', { value: '{"lines":5}' })
    const { endpoint } = backend
    const credentials = { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' }
    const awsSdkV3Client = new SSMClient({ endpoint, region: 'us-east-1', credentials })
    try {
      const provider = new SSMProvider({ awsSdkV3Client })
      const get = () => provider.get<{ lines: number }>('/limits', { transform: 'json', maxAge: 60 })
      await overlap(get)
      expect(backend.calls.count({ operation: 'GetParameter' })).toBe(count)
      const limits = await get()
      if (limits) limits.lines = 6
      expect(await get()).toEqual({ lines: 6 })
      expect(backend.calls.count({ operation: 'GetParameter' })).toBe(count)
    } finally {
      awsSdkV3Client.destroy()
      await backend.stop()
    }
  })
})
