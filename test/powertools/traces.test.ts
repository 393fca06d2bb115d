import './support/managed-environment.ts'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { barrier, createContext } from 'middy-managed-instances/testing'
import { type Daemon, type Document, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole, takeWarnings } from './support/invocation.ts'
import { powertools, Tracer } from './support/packages.ts'

const tracer = new Tracer({ captureHTTPsRequests: false })
const { provider } = tracer

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon()
  tracer.provider.setDaemonAddress(daemon.address)
})
afterAll(() => daemon.stop())
afterEach(() => {
  jest.restoreAllMocks()
})

type Work<E> = (event: E) => Promise<unknown>

const handlerOf = <E>(work: Work<E>) => middy<E, unknown>(managed()).use(powertools({ tracer })).handler(work)

const send = async (work: Work<unknown>, fields?: string) => {
  const trace = newTrace(fields)
  const answer = await invokeTraced(trace.header, () => handlerOf(work)({}, createContext()))
  return { ...trace, answer }
}

const received = async (count: number, silence?: number): Promise<Map<string, Document>> => {
  const documents = await daemon.receive(daemon.documents.length + count, silence)
  return new Map(
    documents.splice(0).map((document) => [`${document.name} ${document.annotations?.['order'] ?? ''}`, document]),
  )
}

const capture = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  provider.captureAsyncFunc(name, async (segment) => {
    try {
      return await work()
    } finally {
      segment?.close()
    }
  }) as Promise<T>

describe('the segments of overlapping requests', () => {
  test('are each under their own trace and parent, however they take turns', async () => {
    const count = 16
    const all = barrier(count)
    const again = barrier(count)
    const handler = handlerOf(async (order: number) => {
      await all()
      tracer.putAnnotation('order', order)
      await capture('outer', async () => {
        await again()
        tracer.putAnnotation('order', order)
        await capture('inner', async () => tracer.putAnnotation('order', order))
      })
    })
    const traces = await Promise.all(
      Array.from({ length: count }, async (_, order) => {
        const trace = newTrace()
        await invokeTraced(trace.header, () => handler(order, createContext()))
        return trace
      }),
    )
    const documents = await received(count * 3)
    expect(documents.size).toBe(count * 3)
    for (const [order, { root, parent }] of traces.entries()) {
      const [top, outer, inner] = ['## index.handler', 'outer', 'inner'].map((name) =>
        documents.get(`${name} ${order}`),
      )
      expect([top?.trace_id, outer?.trace_id, inner?.trace_id]).toEqual([root, root, root])
      expect([top?.parent_id, outer?.parent_id, inner?.parent_id]).toEqual([parent, top?.id, outer?.id])
    }
  })

  test('are under the segment that the tracer was given last', async () => {
    const { root } = await send(async () => {
      const handlerSegment = tracer.getSegment()
      const own = handlerSegment?.addNewSubsegment('own')
      if (own !== undefined) tracer.setSegment(own)
      await capture('child', async () => {})
      own?.close()
      if (handlerSegment !== undefined) tracer.setSegment(handlerSegment)
    })
    const documents = await received(3)
    expect(documents.get('child ')).toMatchObject({ trace_id: root, parent_id: documents.get('own ')?.id })
    expect(documents.get('own ')).toMatchObject({ parent_id: documents.get('## index.handler ')?.id })
  })

  test('get the error and the end of the handler, also if it leaves another segment open', async () => {
    const failing = send(async () => {
      const left = tracer.getSegment()?.addNewSubsegment('left open')
      if (left !== undefined) tracer.setSegment(left)
      throw new RangeError('failed')
    })
    await expect(failing).rejects.toThrow('failed')
    const documents = await received(1)
    expect(documents.get('## index.handler ')).toMatchObject({
      fault: true,
      cause: { exceptions: [{ message: 'failed' }] },
      subsegments: [{ name: 'left open', in_progress: true }],
    })
  })

  test('are sent when the request ends, and a child that ends after it when it does', async () => {
    const late = Promise.withResolvers<void>()
    let child: Promise<unknown> | undefined
    const { root } = await send(async () => {
      child = capture('late', () => late.promise)
    })
    const first = await received(1)
    const top = first.get('## index.handler ')
    expect(top).toMatchObject({ trace_id: root, subsegments: [{ name: 'late', in_progress: true }] })
    late.resolve()
    await child
    const second = await received(1)
    expect(second.get('late ')).toMatchObject({ trace_id: root, parent_id: top?.id })
    expect(second.get('late ')?.in_progress).toBeUndefined()
  })

  test('carry what was thrown as a fault even if it is nothing', async () => {
    takeConsole()
    await expect(send(() => Promise.reject())).rejects.toBeUndefined()
    expect((await received(1)).get('## index.handler ')).toMatchObject({ fault: true })
  })
})

describe('a request', () => {
  test('that is not sampled sends nothing, and knows its trace', async () => {
    const { root, answer } = await send(async () => [tracer.getRootXrayTraceId(), tracer.isTraceSampled()], 'Sampled=0')
    expect(answer).toEqual([root, false])
    expect((await received(1, 100)).size).toBe(0)
  })

  test.each([[undefined], [''], ['Root=nonsense;Parent=1;Sampled=1'], ['Self=1-2-3']])(
    'with the trace header %p sends nothing and is answered',
    async (header) => {
      const handler = handlerOf(async () => {
        await capture('child', async () => {})
        return 'answer'
      })
      expect(await invokeTraced(header, () => handler({}, createContext()))).toBe('answer')
      expect((await received(1, 100)).size).toBe(0)
    },
  )

  test('passes on the fields of its trace header, and no trace of its own where tracing is passed through', async () => {
    const rootOf = async () => {
      const { additionalTraceData, noOp, notTraced } = Reflect.get(tracer.getSegment() ?? {}, 'segment')
      return { additionalTraceData, noOp, notTraced }
    }
    const { answer } = await send(rootOf, 'Sampled=1;Lineage=a:1|b:2')
    expect(answer).toEqual({ additionalTraceData: { Lineage: 'a:1|b:2' }, noOp: undefined, notTraced: undefined })
    const handler = handlerOf(rootOf)
    const passed = await invokeTraced(`Root=${newTrace().root}`, () => handler({}, createContext()))
    expect(passed).toMatchObject({ noOp: true, notTraced: true })
    await received(1)
  })
})

/** What the X-Ray SDK, and whoever uses its namespace, finds there. */
interface Namespace {
  readonly active: object | null
  get(key: string): unknown
  set(key: string, value: unknown): unknown
  createContext(): object
  run(work: (context: object) => unknown): object
  runAndReturn<T>(work: () => T): T
  runPromise<T>(work: () => Promise<T>): Promise<T>
  bind<A extends unknown[], R>(work: (...args: A) => R, context?: object): (...args: A) => R
}

const namespaceOf = (of: typeof provider): Namespace => of.getNamespace() as unknown as Namespace
const namespaces = Reflect.get(process, 'namespaces') as Record<string, unknown>

describe("the SDK's namespace", () => {
  const inRequest = <T>(work: (namespace: Namespace) => T): Promise<Awaited<T>> =>
    invokeTraced(newTrace().header, () => work(namespaceOf(provider)))

  test('keeps contexts as cls-hooked does: nested, returned, bound, gone at their end', async () => {
    await inRequest(async (namespace) => {
      namespace.set('key', 'request')
      const context = namespace.run(() => {
        expect(namespace.get('key')).toBe('request')
        namespace.set('key', 'nested')
      })
      expect([namespace.get('key'), Reflect.get(context, 'key')]).toEqual(['request', 'nested'])
      expect(namespace.runAndReturn(() => namespace.set('key', 'returned'))).toBe('returned')
      const bound = namespace.bind(() => namespace.get('key'), context)
      expect([bound(), namespace.get('key')]).toEqual(['nested', 'request'])
      const promised = await namespace.runPromise(async () => {
        namespace.set('key', 'promised')
        await Promise.resolve()
        return namespace.get('key')
      })
      expect([promised, namespace.get('key')]).toEqual(['promised', 'request'])
    })
  })

  test('has another context in another request, also within one that was entered in the first', async () => {
    await inRequest(async (namespace) => {
      namespace.set('key', 'first')
      const seen = namespace.runAndReturn(() => inRequest((own) => own.get('key')))
      expect(await seen).toBeUndefined()
    })
  })

  test('has the context of the module where no request is', () => {
    const namespace = namespaceOf(provider)
    expect(namespace.get('segment')).toMatchObject({ facade: true })
    expect(namespace.active).not.toBeNull()
  })

  test('is replaced again when a second copy of the SDK has taken over', async () => {
    const ours = namespaces['AWSXRay']
    const outside = namespaceOf(provider).active
    namespaces['AWSXRay'] = { active: outside, _contexts: new Map() }
    const { root } = await send(async () => {})
    expect((await received(1)).get('## index.handler ')?.trace_id).toBe(root)
    expect(namespaces['AWSXRay']?.constructor).toBe(ours?.constructor)
  })

  test('is left alone, with one warning of how to mend it, when it is not as expected', async () => {
    const warnings = takeWarnings()
    takeConsole()
    const ours = namespaces['AWSXRay']
    const changed = { get: () => undefined, set: () => true }
    try {
      namespaces['AWSXRay'] = changed
      await send(async () => {})
      await send(async () => {})
      expect(namespaces['AWSXRay']).toBe(changed)
      expect(warnings()).toEqual([
        expect.stringMatching(
          /^powertools\(\{ tracer \}\): there is no namespace .* pin aws-xray-sdk-core to 3\.12 and @aws-lambda-powertools\/tracer to 2\.36\.$/,
        ),
      ])
      namespaces['AWSXRay'] = { active: { segment: {} }, _contexts: new Map(), get: () => undefined }
      await send(async () => {})
      expect(warnings()).toHaveLength(2)
      expect(warnings()[1]).toContain('the X-Ray SDK has no facade segment for Lambda')
    } finally {
      namespaces['AWSXRay'] = ours
    }
  })
})
