import './support/managed-environment.ts'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { cleanupMiddlewares } from '@aws-lambda-powertools/commons'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { currentScope, managed, type ReleaseError, type Scope, scopeOf } from 'middy-managed-instances'
import { batch } from 'middy-managed-instances/batch'
import { database } from 'middy-managed-instances/database'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { loader, parameters } from 'middy-managed-instances/parameters'
import { barrier, createContext, expectNoLeaks } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'
import { installAwsLambda, ResponseStream, streaming } from '../scope/support/streaming.ts'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

const tracer = new Tracer({ captureHTTPsRequests: false })
const metrics = new Metrics({ namespace: 'shop' })
const recording = powertools({ logger: new Logger(), tracer, metrics, captureColdStartMetric: true, resources: true })

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
afterEach(async () => {
  jest.restoreAllMocks()
  daemon.documents.splice(0)
  await expectNoLeaks()
})

type Any = (...args: never[]) => unknown

const send = (handler: Any, event: unknown = {}, timeout = 30_000): Promise<unknown> =>
  invokeTraced(newTrace().header, () => (handler as (...args: unknown[]) => unknown)(event, createContext({ timeout })))

/** What the segments of this test's requests have of resources. */
const traced = async (count = 1): Promise<unknown[]> =>
  (await daemon.receive(count)).map(({ metadata }) => metadata?.['resources'])

type Emf = { readonly CloudWatchMetrics: readonly { readonly Metrics: readonly { Name: string; Unit: string }[] }[] }

/** The metrics of each blob, with their units. */
const published = (): object[] =>
  output.blobs().map((blob) => {
    const defined = (blob['_aws'] as Emf).CloudWatchMetrics.flatMap((set) => set.Metrics)
    return Object.fromEntries(defined.map(({ Name, Unit }) => [Name, [blob[Name], Unit]]))
  })

const handled = (): void => void metrics.addMetric('handled', MetricUnit.Count, 1)

const kinds = [
  ['middy(managed())', () => middy<{ text: string }, unknown>(managed())],
  ['middy()', () => middy<{ text: string }, unknown>()],
] as const

test('the first request of a worker has its cold start in a blob of its own', async () => {
  const handler = middy<unknown, unknown>(managed())
    .use(recording)
    .use(workspace())
    .handler(async (_event, { workspace }) => workspace.write('a', 'bytes'))
  await send(handler)
  expect(published()).toEqual([{ ColdStart: [1, 'Count'] }, { WorkspaceBytes: [5, 'Bytes'] }])
  expect(await traced()).toEqual([{ WorkspaceBytes: 5 }])
})

describe.each(kinds)('with %s', (kind, create) => {
  test('what a request has used stands in its one blob, beside its own metrics, and in its segment', async () => {
    const server = sharedClient<Server>({ open: () => createServer() })
    const values = { bucket: loader(`${kind} bucket`, () => 'b'), stage: loader(`${kind} stage`, () => 's') }
    const handler = create()
      .use(recording)
      .use(workspace())
      .use(parameters({ values }))
      .use(database({ db: server }))
      .handler(async ({ text }, { workspace, db }) => {
        await workspace.write('a', text)
        writeFileSync(workspace.file('b'), text)
        await Promise.all([db.client(), db.acquire()])
        metrics.addDimension('order', text)
        handled()
      })

    await send(handler, { text: 'first' })
    await send(handler, { text: 'second' })

    const milliseconds = [expect.any(Number), 'Milliseconds']
    const leased = { LeaseWait: milliseconds, Leases: [2, 'Count'], handled: [1, 'Count'] }
    expect(published()).toEqual([
      {
        ...leased,
        WorkspaceBytes: [10, 'Bytes'],
        ParameterHits: [0, 'Count'],
        ParameterMisses: [2, 'Count'],
        ParameterWait: milliseconds,
      },
      { ...leased, WorkspaceBytes: [12, 'Bytes'], ParameterHits: [2, 'Count'], ParameterMisses: [0, 'Count'] },
    ])
    expect(output.blobs().map(({ order }) => order)).toEqual(['first', 'second'])
    const recorded = output
      .blobs()
      .map((blob) => Object.fromEntries(Object.entries(blob).filter(([key]) => /^[A-Z]/.test(key))))
    expect(await traced(2)).toEqual(recorded)
    await server.close()
  })

  test('of a request that has used nothing, all is as without it', async () => {
    const handler = create()
      .use(recording)
      .use(workspace())
      .handler(async () => 'answer')
    await send(handler)
    expect(published()).toEqual([])
    expect(await traced()).toEqual([undefined])
  })

  test('requests that overlap have each its own', async () => {
    const meet = barrier(16)
    const handler = create()
      .use(recording)
      .use(workspace())
      .handler(async ({ text }, { workspace }) => {
        metrics.addDimension('order', text)
        await workspace.write('a', text)
        await meet()
      })
    const orders = Array.from({ length: 16 }, (_, index) => 'x'.repeat(index + 1))
    await Promise.all(orders.map((order) => send(handler, { text: order })))
    const found = output.blobs().map(({ order, WorkspaceBytes }) => [order, WorkspaceBytes])
    expect(found.toSorted()).toEqual(orders.map((order) => [order, order.length]))
    expect(await traced(16)).toHaveLength(16)
  })

  test('throwOnEmptyMetrics still fails a request whose handler has recorded nothing, whatever its resources have', async () => {
    const empty = 'The number of metrics recorded must be higher than zero'
    const handler = create()
      .use(powertools({ tracer, metrics, throwOnEmptyMetrics: true, resources: true }))
      .use(workspace())
      .handler(async ({ text }, { workspace }) => {
        await workspace.write('a', text)
        if (text === 'counted') handled()
      })
    try {
      await expect(send(handler, { text: 'bytes' })).rejects.toThrow(empty)
      expect(published()).toEqual([{ WorkspaceBytes: [5, 'Bytes'] }])
      await expect(send(handler, { text: 'counted' })).resolves.toBeUndefined()
      const segments = await daemon.receive(2)
      expect(segments).toMatchObject([{ fault: true, cause: { exceptions: [{ message: empty }] } }, {}])
      expect(segments[1]?.fault).toBeUndefined()
    } finally {
      metrics.setThrowOnEmptyMetrics(false)
    }
  })

  test('an error whose answer another middleware makes is in the segment, with what was used until then', async () => {
    const handler = create()
      .use(recording)
      .use(workspace())
      .onError(() => 'an answer')
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'bytes')
        throw new RangeError('failed')
      })
    expect(await send(handler, { text: '' }, 200)).toBe('an answer')
    const segments = await daemon.receive(1)
    expect(segments).toMatchObject([{ fault: true, cause: { exceptions: [{ message: 'failed' }] } }])
    expect(published()).toEqual([{ WorkspaceBytes: [5, 'Bytes'] }])
  })

  test('a middleware that answers early and cleans up has it published at once, and once', async () => {
    const seen: unknown[] = []
    const handler = create()
      .use(recording)
      .use(workspace())
      .before(async (request) => {
        scopeOf(request)?.record({ name: 'Rows', unit: 'Count', value: 2 })
        await request.context.workspace.write('a', 'bytes')
        await cleanupMiddlewares(request as unknown as Parameters<typeof cleanupMiddlewares>[0])
        seen.push(...published())
        return 'early'
      })
      .handler(async () => 'late')
    expect(await send(handler as Any, { text: '' }, 100)).toBe('early')
    await expectNoLeaks()
    expect(seen).toEqual([{ Rows: [2, 'Count'] }])
    expect(published()).toEqual(seen)
    expect(await traced()).toEqual([{ Rows: 2 }])
  })
})

test.each([false, true])('metrics that are disabled may be empty, with resources: %p', async (resources) => {
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'true'
  const disabled = new Metrics({ namespace: 'shop' })
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'false'
  const handler = middy<unknown, unknown>(managed())
    .use(powertools({ metrics: disabled, throwOnEmptyMetrics: true, resources }))
    .handler(async () => 'answer')
  expect(await send(handler)).toBe('answer')
})

describe('a body that is streamed', () => {
  const late = async function* (write: (name: string, data: string) => Promise<string>) {
    yield 'a'
    await write('late', 'bytes')
    handled()
    yield 'b'
  }

  test('has what it uses in the blob, under managed()', async () => {
    const handler = middy<unknown, unknown>(managed(streaming))
      .use(recording)
      .use(workspace())
      .handler(async (_event, { workspace }) => Readable.from(late((name, data) => workspace.write(name, data))))
    const stream = new ResponseStream()
    await invokeTraced(newTrace().header, () =>
      (handler as unknown as (...args: unknown[]) => Promise<void>)({}, stream, createContext()),
    )
    expect(stream.text).toBe('ab')
    expect(published()).toEqual([{ WorkspaceBytes: [5, 'Bytes'], handled: [1, 'Count'] }])
    expect(await traced()).toEqual([{ WorkspaceBytes: 5 }])
  })

  test('has it too on a plain middy()', async () => {
    const handler = middy<unknown, unknown>()
      .use(recording)
      .use(workspace())
      .handler(async (_event, { workspace }) => Readable.from(late((name, data) => workspace.write(name, data))))
    const received = await invokeTraced(newTrace().header, async () =>
      text((await (handler as unknown as (...args: unknown[]) => Promise<Readable>)({}, createContext())) as Readable),
    )
    expect(received).toBe('ab')
    expect(await traced()).toEqual([{ WorkspaceBytes: 5 }])
    expect(published()).toEqual([{ WorkspaceBytes: [5, 'Bytes'], handled: [1, 'Count'] }])
  })
})

describe('the bytes of a workspace', () => {
  test('are known before the answer, also of one that is deleted after it', async () => {
    const handler = middy<unknown, unknown>(managed())
      .use(recording)
      .use(workspace({ cleanup: 'background' }))
      .handler(async (_event, { workspace }) => {
        for (let index = 0; index < 100; index++) writeFileSync(workspace.file('d', `${index}`), 'bytes')
      })
    await send(handler)
    expect(published()).toEqual([{ WorkspaceBytes: [500, 'Bytes'] }])
  })

  test('are those of all workspaces of the request, which a batch may have many of', async () => {
    const handler = middy<unknown, unknown>(managed())
      .use(recording)
      .use(workspace())
      .use(batch({ type: 'sqs' }))
      .handler(async (_event, { batch, workspace }) =>
        batch.process(async ({ body }, { scope }) => {
          await workspace.within(scope).write('record', body)
        }),
      )
    const Records = ['a', 'bb', 'ccc'].map((body) => ({ messageId: body, body, eventSource: 'aws:sqs' }))
    await send(handler as Any, { Records })
    expect(published()).toEqual([{ WorkspaceBytes: [6, 'Bytes'] }])
  })

  test('are those of one that timed out, or was kept for its error', async () => {
    const timingOut = middy<unknown, unknown>(managed())
      .use(recording)
      .use(workspace())
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'bytes')
        await new Promise(() => {})
      })
    await expect(send(timingOut, {}, 80)).rejects.toThrow('aborted')
    const failing = middy<unknown, unknown>(managed())
      .use(recording)
      .use(workspace({ keepOnError: true }))
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'more bytes')
        throw new Error('failed')
      })
    await expect(send(failing)).rejects.toThrow('failed')
    expect(published()).toEqual([{ WorkspaceBytes: [5, 'Bytes'] }, { WorkspaceBytes: [10, 'Bytes'] }])
  })
})

test('nothing is measured for a request that nobody listens to', async () => {
  const measured: unknown[] = []
  const handler = middy<unknown, unknown>(managed())
    .use(powertools({ metrics }))
    .before((request) => {
      jest.spyOn(scopeOf(request) as Scope, 'record').mockImplementation((metric) => void measured.push(metric))
      jest.spyOn(performance, 'now').mockImplementation(() => measured.push('the time'))
    })
    .use(workspace())
    .use(parameters({ values: { stage: loader('unheard', () => 's') } }))
    .use(database({ db: sharedClient<Server>({ open: () => createServer() }) }))
    .handler(async (_event, { workspace, db }) => {
      await db.client()
      await workspace.write('a', 'bytes')
    })
  await send(handler)
  expect(measured).toEqual([])
})

describe('parameters', () => {
  test('that the handler reads from their sources count, also those that are served while none can be fetched', async () => {
    let down = false
    const fetch = (): string => {
      if (down) throw new Error('down')
      return 'value'
    }
    const old = loader('old', fetch, { ttl: 0, staleIfError: 60_000 })
    const none = loader('none', () => Promise.reject(new Error('down')))
    await old.get()
    down = true
    await old.refresh().catch(() => {})
    const handler = middy<unknown, unknown>(managed())
      .use(recording)
      .handler(async () => {
        await old.get()
        await none.get().catch(() => {})
        await none.get().catch(() => {})
      })
    await send(handler)
    expect(published()).toEqual([
      {
        ParameterHits: [1, 'Count'],
        ParameterMisses: [1, 'Count'],
        ParameterWait: [expect.any(Number), 'Milliseconds'],
      },
    ])
  })
})

describe('the wait for a database client', () => {
  test('counts also where none came', async () => {
    const closed = sharedClient<Server>({ open: () => Promise.reject(new Error('refused')) })
    const handler = middy<unknown, unknown>(managed())
      .use(recording)
      .use(database({ db: closed }))
      .handler(async (_event, { db }) => void (await db.client().catch(() => {})))
    await send(handler)
    expect(published()).toEqual([{ LeaseWait: [expect.any(Number), 'Milliseconds'], Leases: [0, 'Count'] }])
  })
})

describe("a handler's own records", () => {
  const record = (unit: 'Bytes' | 'Count', value: number): void => currentScope()?.record({ name: 'Rows', unit, value })

  test('are added up, and published by every one of several instances', async () => {
    const second = new Metrics({ namespace: 'other' })
    const handler = middy<unknown, unknown>(managed())
      .use(powertools({ metrics: [metrics, second], resources: true }))
      .handler(async () => {
        record('Count', 2)
        record('Count', 3)
        second.addMetric('handled', MetricUnit.Count, 1)
      })
    await send(handler)
    expect(published()).toEqual([{ Rows: [5, 'Count'] }, { Rows: [5, 'Count'], handled: [1, 'Count'] }])
  })

  test('in two units are the first alone, and reported, since Powertools takes one', async () => {
    const reported: ReleaseError[] = []
    const handler = middy<unknown, unknown>(managed({ onReleaseError: (error) => reported.push(error) }))
      .use(recording)
      .handler(async () => {
        record('Count', 2)
        record('Bytes', 3)
        return 'answer'
      })
    expect(await send(handler)).toBe('answer')
    expect(published()).toEqual([{ Rows: [2, 'Count'] }])
    expect(reported).toMatchObject([{ data: { release: 'powertools' }, cause: { message: /"Rows" has already been/ } }])
  })

  test('after the end of the request are lost, and harm nothing', async () => {
    const late = Promise.withResolvers<void>()
    let ended: Promise<void> | undefined
    const handler = middy<unknown, unknown>(managed())
      .use(recording)
      .handler(async () => {
        record('Count', 2)
        ended = late.promise.then(() => record('Count', 3))
      })
    await send(handler)
    late.resolve()
    await ended
    expect(published()).toEqual([{ Rows: [2, 'Count'] }])
  })
})
