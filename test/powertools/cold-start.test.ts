import './support/managed-environment.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { barrier, createContext } from 'middy-managed-instances/testing'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole } from './support/invocation.ts'
import { Logger, Metrics, powertools, Tracer } from './support/packages.ts'

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())
beforeEach(() => {
  output = takeConsole()
})
afterEach(() => {
  jest.restoreAllMocks()
})

describe('on Managed Instances', () => {
  test('the first request of a worker is its cold start, for every utility, and no other is', async () => {
    const tracer = new Tracer({ captureHTTPsRequests: false })
    tracer.provider.setDaemonAddress(daemon.address)
    const logger = new Logger()
    const metrics = new Metrics({ namespace: 'shop' })
    const meet = barrier(8)
    const handler = middy(managed())
      .use(powertools({ logger, tracer, metrics, captureColdStartMetric: true }))
      .handler(async () => {
        await meet()
        logger.info('handled')
      })
    const send = () => invokeTraced(newTrace().header, () => handler({}, createContext({ functionName: 'orders' })))

    await Promise.all(Array.from({ length: 8 }, send))

    expect(output.blobs()).toMatchObject([{ ColdStart: 1, function_name: 'orders' }])
    expect(output.lines().filter((line) => line['cold_start'])).toHaveLength(1)
    const segments = await daemon.receive(8)
    expect(segments.filter(({ annotations }) => annotations?.['ColdStart'] === true)).toHaveLength(1)
    expect(Object.getOwnPropertyNames(metrics)).not.toContain('getColdStart')
  })

  test('the first request of a second handler in the worker is none', async () => {
    const metrics = new Metrics({ namespace: 'shop' })
    const handler = middy(managed())
      .use(powertools({ metrics, captureColdStartMetric: true }))
      .handler(async () => {})
    await invokeTraced(newTrace().header, () => handler({}, createContext()))
    expect(output.blobs()).toEqual([])
  })
})
