import './support/on-demand-environment.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { createContext } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { takeConsole, takeWarnings } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
let warnings: () => string[]
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())
beforeEach(() => {
  output = takeConsole()
  warnings = takeWarnings()
})
afterEach(() => {
  jest.restoreAllMocks()
})

const namespace = (): unknown => Reflect.get(process, 'namespaces').AWSXRay

describe.each([
  ['middy(managed())', () => middy<{ kind: string }, unknown>(managed())],
  ['middy()', () => middy<{ kind: string }, unknown>()],
])('on classic Lambda, with %s', (_name, create) => {
  test('everything is as with the official middlewares, and nothing stays for the next request', async () => {
    const tracer = new Tracer({ captureHTTPsRequests: false })
    tracer.provider.setDaemonAddress(daemon.address)
    const before = namespace()
    const { setSegment } = tracer.provider
    const logger = new Logger({ persistentKeys: { stage: 'test' } })
    const metrics = new Metrics({ namespace: 'shop' })
    const handler = create()
      .use(powertools({ logger, tracer, metrics, captureColdStartMetric: true }))
      .handler(async ({ kind }) => {
        logger.info('handling')
        logger.appendKeys({ order: 'own' })
        logger.appendPersistentKeys({ kind })
        metrics.addDimension('order', 'own')
        if (kind === 'fail') throw new Error('failed')
        metrics.addMetric('handled', MetricUnit.Count, 1)
        return kind
      })
    const send = (kind: string) => handler({ kind }, createContext())

    expect(await send('first')).toBe('first')
    await expect(send('fail')).rejects.toThrow('failed')
    expect(await send('third')).toBe('third')

    expect(namespace()).toBe(before)
    expect(tracer.provider.setSegment).toBe(setSegment)
    expect(output.lines().map(({ cold_start, order, stage }) => [cold_start, order, stage])).toEqual([
      [true, undefined, 'test'],
      [false, undefined, 'test'],
      [false, undefined, 'test'],
    ])
    expect(output.blobs()).toMatchObject([{ ColdStart: 1 }, { order: 'own', handled: 1 }, { order: 'own', handled: 1 }])
    const segments = (await daemon.receive(daemon.documents.length + 3)).slice(-3)
    expect(segments).toMatchObject([
      { parent_id: '53995c3f42cd8ad8', annotations: { ColdStart: true } },
      { fault: true, cause: { exceptions: [{ message: 'failed' }] } },
      { annotations: { ColdStart: false }, metadata: { service_undefined: { 'index.handler response': 'third' } } },
    ])
    expect(segments[2]?.fault).toBeUndefined()
    expect(warnings()).toEqual([])
  })

  test('what a request has used is in its metrics and its segment, whose annotations and metadata are as ever', async () => {
    const tracer = new Tracer({ captureHTTPsRequests: false })
    tracer.provider.setDaemonAddress(daemon.address)
    const metrics = new Metrics({ namespace: 'shop' })
    const handler = create()
      .use(powertools({ tracer, metrics, resources: true }))
      .use(workspace())
      .handler(async ({ kind }, { workspace }) => {
        await workspace.write('kind', kind)
        return kind
      })
    expect(await handler({ kind: 'bytes' }, createContext() as never)).toBe('bytes')
    expect(output.blobs()).toMatchObject([{ WorkspaceBytes: 5 }])
    const [segment] = (await daemon.receive(daemon.documents.length + 1)).slice(-1)
    expect(segment?.annotations).toMatchObject({ ColdStart: expect.any(Boolean), Service: 'service_undefined' })
    expect(segment?.metadata).toEqual({
      service_undefined: { 'index.handler response': 'bytes' },
      resources: { WorkspaceBytes: 5 },
    })
  })
})

test('on classic Lambda, an early answer under managed() leaves the next request neither keys nor metrics nor a buffer', async () => {
  const logger = new Logger({ logBufferOptions: { enabled: true } })
  const metrics = new Metrics({ namespace: 'shop' })
  const handler = middy<{ kind: string }, unknown>(managed())
    .use(powertools({ logger, metrics }))
    .before(({ event: { kind } }) => {
      if (kind !== 'early') return undefined
      logger.appendKeys({ order: 'early' })
      logger.debug('buffered')
      metrics.addDimension('order', 'early').addMetric('handled', MetricUnit.Count, 1)
      return 'early'
    })
    .handler(async () => {
      logger.info('handling')
      logger.flushBuffer()
      metrics.addMetric('handled', MetricUnit.Count, 1)
    })
  expect(await handler({ kind: 'early' }, createContext() as never)).toBe('early')
  await handler({ kind: 'answer' }, createContext() as never)
  expect(output.lines().map(({ message, order }) => [message, order])).toEqual([['handling', undefined]])
  expect(output.blobs().map(({ order }) => order)).toEqual(['early', undefined])
})
