import './support/managed-environment.ts'
import { Readable } from 'node:stream'
import { cleanupMiddlewares, LOGGER_KEY, METRICS_KEY, TRACER_KEY } from '@aws-lambda-powertools/commons'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed, type ReleaseError } from 'middy-managed-instances'
import { createContext } from 'middy-managed-instances/testing'
import { installAwsLambda, ResponseStream, streaming } from '../scope/support/streaming.ts'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

const tracer = new Tracer({ captureHTTPsRequests: false })
const logger = new Logger()
const metrics = new Metrics({ namespace: 'shop' })
const all = { logger, tracer, metrics }

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
beforeAll(async () => {
  installAwsLambda()
  daemon = await startDaemon()
  tracer.provider.setDaemonAddress(daemon.address)
})
afterAll(() => daemon.stop())
beforeEach(() => {
  output = takeConsole()
})
afterEach(() => {
  jest.restoreAllMocks()
})

const send = <R>(
  handler: (event: never, context: never) => R,
  event: unknown = {},
  timeout = 30_000,
): Promise<Awaited<R>> =>
  invokeTraced(newTrace().header, () => handler(event as never, createContext({ timeout }) as never))

const segments = async (count = 1) => (await daemon.receive(daemon.documents.length + count)).splice(0)

const record = (): void => {
  metrics.addMetric('handled', MetricUnit.Count, 1)
}

describe("Powertools' cleanupMiddlewares(request)", () => {
  test('finishes each utility, which nothing finishes again', async () => {
    const published = jest.spyOn(metrics, 'publishStoredMetrics')
    const reset = jest.spyOn(logger, 'resetKeys')
    const seen: unknown[] = []
    const handler = middy(managed())
      .use(powertools(all))
      .before(async (request) => {
        record()
        seen.push(...[LOGGER_KEY, METRICS_KEY, TRACER_KEY].map((key) => typeof Reflect.get(request.internal, key)))
        // As Powertools' middlewares do, before and after.
        request.internal = { ...request.internal, more: true }
        await cleanupMiddlewares(request as Parameters<typeof cleanupMiddlewares>[0])
        await cleanupMiddlewares(request as Parameters<typeof cleanupMiddlewares>[0])
        seen.push(output.blobs().length, (await segments()).length)
        return 'early'
      })
      .handler(async () => 'late')

    expect(await send(handler)).toBe('early')

    expect(seen).toEqual(['function', 'function', 'function', 1, 1])
    expect(published).toHaveBeenCalledTimes(1)
    expect(reset).toHaveBeenCalledTimes(1)
    expect(await daemon.receive(1, 100)).toEqual([])
  })
})

describe('throwOnEmptyMetrics', () => {
  const strict = powertools({ ...all, throwOnEmptyMetrics: true })
  afterEach(() => {
    metrics.setThrowOnEmptyMetrics(false)
  })
  const empty = 'The number of metrics recorded must be higher than zero'

  test('fails a request whose handler has recorded nothing, and its segment', async () => {
    const handler = middy(managed())
      .use(strict)
      .handler(async () => 'answer')
    await expect(send(handler)).rejects.toThrow(empty)
    expect(await segments()).toMatchObject([{ fault: true, cause: { exceptions: [{ message: empty }] } }])
  })

  test('publishes what the others of several instances have recorded', async () => {
    const second = new Metrics({ namespace: 'other' })
    const handler = middy(managed())
      .use(powertools({ metrics: [metrics, second], throwOnEmptyMetrics: true }))
      .handler(async () => void second.addMetric('second', MetricUnit.Count, 1))
    await expect(send(handler)).rejects.toThrow(empty)
    expect(output.blobs()).toMatchObject([{ second: 1 }])
  })

  test('hides no error of the handler, and fails no early answer', async () => {
    const reported: ReleaseError[] = []
    const create = () => middy(managed({ onReleaseError: (error) => reported.push(error) })).use(strict)
    const failing = create().handler(() => Promise.reject(new RangeError('failed')))
    await expect(send(failing)).rejects.toThrow('failed')
    const early = create()
      .before(() => 'early')
      .handler(async () => 'late')
    expect(await send(early)).toBe('early')
    expect(reported).toEqual([])
    await segments(2)
  })
})

describe('a failing end', () => {
  test('of a request that has failed is reported and hides nothing, and the others still end', async () => {
    const reported: ReleaseError[] = []
    const handler = middy(managed({ onReleaseError: (error) => reported.push(error) }))
      .use(powertools(all))
      .handler(async () => {
        // A dimension of the name of a metric can't be written.
        metrics.addDimension('handled', 'twice')
        record()
        throw new RangeError('failed')
      })
    await expect(send(handler)).rejects.toThrow('failed')
    expect(reported).toMatchObject([{ code: 'RELEASE_FAILED', data: { release: 'powertools', outcome: 'threw' } }])
    expect(await segments()).toMatchObject([{ fault: true }])
  })
})

describe('a response that is streamed', () => {
  test('has what its body records published with it', async () => {
    const handler = middy<unknown, unknown>(managed(streaming))
      .use(powertools(all))
      .handler(async () =>
        Readable.from(
          (async function* () {
            yield 'a'
            record()
            tracer.putAnnotation('streamed', true)
            yield 'b'
          })(),
        ),
      )
    const stream = new ResponseStream()
    await invokeTraced(newTrace().header, () =>
      (handler as unknown as (...args: unknown[]) => Promise<void>)({}, stream, createContext()),
    )
    expect(stream.text).toBe('ab')
    expect(output.blobs()).toMatchObject([{ handled: 1 }])
    expect(await segments()).toMatchObject([{ annotations: { streamed: true } }])
  })
})

describe('a route on a plain middy() that answers early', () => {
  test('is finished with the managed router that calls it', async () => {
    const route = middy()
      .use(powertools(all))
      .before(() => {
        record()
        return 'early'
      })
    const router = middy<unknown, unknown>(managed()).handler(async (event, context) => route(event, context))
    expect(await send(router)).toBe('early')
    expect(output.blobs()).toMatchObject([{ handled: 1 }])
    expect(await segments()).toHaveLength(1)
  })
})

describe('a request that is given up at its deadline', () => {
  test('is finished as itself, though the timer of another request ends it', async () => {
    const hanging = middy(managed())
      .use(powertools(all))
      .before(() => {
        logger.appendKeys({ order: 'hanging' })
        metrics.addDimension('order', 'hanging').addMetric('handled', MetricUnit.Count, 1)
        return new Promise(() => {})
      })
      .handler(async () => {})
    const other = middy(managed())
      .use(powertools(all))
      .handler(async () => {
        metrics.addDimension('order', 'other').addMetric('handled', MetricUnit.Count, 1)
        await new Promise((resolve) => setTimeout(resolve, 200))
      })
    const running = send(other)
    void send(hanging, {}, 60)
    await running
    const found = await segments(2)
    expect(output.blobs().map(({ order }) => order)).toEqual(['hanging', 'other'])
    expect(found).toMatchObject([{ fault: true, cause: { exceptions: [{ type: 'RequestEndedError' }] } }, {}])
    expect(found[0]?.trace_id).not.toBe(found[1]?.trace_id)
    expect(found[1]?.fault).toBeUndefined()
  })
})

describe('the options of the official middlewares', () => {
  test('are those of the utilities they are for', async () => {
    const create = () =>
      new Logger({ correlationIdSearchFn: (path, event) => Reflect.get(event as object, path.split('.')[1] ?? '') })
    const [logging, second] = [create(), create()]
    const handler = middy<unknown, unknown>(managed())
      .use(
        powertools({
          logger: [logging, second],
          tracer,
          correlationIdPath: '$.id',
          logEvent: true,
          captureResponse: false,
          resetKeys: false,
        }),
      )
      .handler(async () => [logging.getCorrelationId(), second.getCorrelationId()])
    expect(await send(handler, { id: 'correlated' })).toEqual(['correlated', 'correlated'])
    expect(output.lines().map(({ message }) => message)).toEqual(['Lambda invocation event', 'Lambda invocation event'])
    const [segment] = await segments()
    expect(segment?.metadata).toBeUndefined()
  })
})
