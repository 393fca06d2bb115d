import './support/managed-environment.ts'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { createContext } from 'middy-managed-instances/testing'
import { invokeTraced, newTrace, takeConsole, takeWarnings } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

let warnings: () => string[]
let output: ReturnType<typeof takeConsole>
beforeEach(() => {
  warnings = takeWarnings()
  output = takeConsole()
})
afterEach(() => {
  jest.restoreAllMocks()
})

const send = (handler: (event: object, context: never) => Promise<unknown>): Promise<unknown> =>
  invokeTraced(newTrace().header, () => handler({}, createContext() as never))

describe('what requests share', () => {
  test('may be set outside the handler, where it is not warned of', () => {
    const logger = new Logger()
    const metrics = new Metrics()
    powertools({ logger, metrics, defaultDimensions: { stage: 'test' } })
    logger.appendPersistentKeys({ stage: 'test' })
    metrics.setDefaultDimensions({ region: 'eu' })
    expect(logger.getPersistentLogAttributes()).toEqual({ stage: 'test' })
    expect(warnings()).toEqual([])
  })

  test('is warned of once when a request sets it, and still set', async () => {
    const logger = new Logger()
    const metrics = new Metrics()
    const handler = middy(managed())
      .use(powertools({ logger, metrics }))
      .handler(async () => {
        logger.appendPersistentKeys({ user: 'a' })
        metrics.setDefaultDimensions({ user: 'a' })
        metrics.addMetric('handled', MetricUnit.Count, 1)
      })
    await send(handler)
    await send(handler)
    expect(warnings()).toEqual([
      expect.stringMatching(/^appendPersistentKeys\(\) was called within a request: .* use logger\.appendKeys\(\) for/),
      expect.stringMatching(
        /^setDefaultDimensions\(\) was called within a request: .* use metrics\.addDimension\(\) for/,
      ),
    ])
    expect(logger.getPersistentLogAttributes()).toEqual({ user: 'a' })
    expect(output.blobs()).toMatchObject([{ user: 'a' }, { user: 'a' }])
  })

  test.each([['before'], ['after']] as const)(
    'is warned of once when logMetrics() comes %s powertools()',
    async (order) => {
      const metrics = new Metrics({ namespace: 'shop' })
      const both = [logMetrics(metrics), powertools({ metrics })] as ReturnType<typeof powertools>[]
      const handler = middy(managed())
        .use(order === 'before' ? both : both.toReversed())
        .handler(async () => void metrics.addMetric('handled', MetricUnit.Count, 1))
      jest.mocked(process.emitWarning).mockClear()
      await send(handler)
      await send(handler)
      expect(output.blobs()).toHaveLength(2)
      const expected = 'powertools({ metrics }): the handler has another middleware for metrics'
      // The second order finds that the worker has been warned.
      expect(warnings()).toEqual(order === 'before' ? [expect.stringContaining(expected)] : [])
    },
  )

  test('is warned of when powertools() is there twice for a utility, and not for one each', async () => {
    const handlerWith = (...options: Parameters<typeof powertools>) =>
      middy(managed())
        .use(powertools({ logger: new Logger() }))
        .use(powertools(...options))
        .handler(async () => {})
    await send(handlerWith({ tracer: new Tracer({ captureHTTPsRequests: false }) }))
    expect(warnings()).toEqual([])
    await send(handlerWith({ logger: new Logger() }))
    expect(warnings()).toEqual([expect.stringContaining('powertools({ logger }): the handler has another middleware')])
  })

  test('is warned of when captureLambdaHandler() comes after powertools()', async () => {
    const tracer = new Tracer({ captureHTTPsRequests: false })
    const handler = middy(managed())
      .use([powertools({ tracer }), captureLambdaHandler(tracer) as ReturnType<typeof powertools>])
      .handler(async () => 'answer')
    expect(await send(handler)).toBe('answer')
    expect(warnings()).toEqual([expect.stringContaining('powertools({ tracer }): the handler has another middleware')])
  })
})

describe('default dimensions', () => {
  test('are in every blob, and are not warned of from the second request on', async () => {
    const metrics = new Metrics({ namespace: 'shop', serviceName: 'orders' })
    const handler = middy(managed())
      .use(powertools({ metrics, defaultDimensions: { stage: 'test' } }))
      .handler(async () => void metrics.addMetric('handled', MetricUnit.Count, 1))
    for (let count = 0; count < 3; count++) await send(handler)
    expect(output.blobs()).toMatchObject(Array(3).fill({ service: 'orders', stage: 'test', handled: 1 }))
    expect(console.warn).not.toHaveBeenCalled()
  })
})
