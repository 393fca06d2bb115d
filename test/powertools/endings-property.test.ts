import './support/managed-environment.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { scopeOf } from 'middy-managed-instances'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import { contextFor, type Hook, type Middleware, settle, underManaged } from '../scope/support/handlers.ts'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole, takeWarnings } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

const tracer = new Tracer({ captureHTTPsRequests: false })
const metrics = new Metrics({ namespace: 'shop' })
const logger = new Logger()

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
beforeAll(async () => {
  daemon = await startDaemon()
  tracer.provider.setDaemonAddress(daemon.address)
})
afterAll(() => daemon.stop())
beforeEach(() => {
  output = takeConsole()
  takeWarnings()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await expectNoLeaks()
})

const hooks: Readonly<Record<string, Hook>> = {
  nothing: () => {},
  later: () => Promise.resolve(),
  answers: () => 'answer of a hook',
  throws: () => {
    throw new Error('thrown by a hook')
  },
  'throws later': () => Promise.reject(new Error('thrown by a hook')),
  'loses internal': (request) => {
    request.internal = {}
  },
}

const aHook = fc.constantFrom('nothing', ...Object.keys(hooks))
const aMiddleware = fc.record({ before: aHook, after: aHook, onError: aHook })
const aRequest = fc.record({
  earlier: fc.array(aMiddleware, { maxLength: 2 }),
  later: fc.array(aMiddleware, { maxLength: 2 }),
  handler: fc.constantFrom('nothing', 'later', 'throws', 'throws later'),
})

type Names = { readonly before: string; readonly after: string; readonly onError: string }

const middlewareOf = ({ before, after, onError }: Names): Middleware => ({
  before: hooks[before] as Hook,
  after: hooks[after] as Hook,
  onError: hooks[onError] as Hook,
})

describe('whatever the other hooks do, in whatever order', () => {
  test.each([false, true])(
    'every utility of a request is finished once, and the answer is as without it, with resources: %p',
    async (resources) => {
      const instrumented = powertools({ logger, tracer, metrics, resources }) as unknown as Middleware
      const begun = new Map<string, string>()
      const run = async (
        request: typeof aRequest extends fc.Arbitrary<infer T> ? T : never,
        middleware: Middleware,
      ) => {
        const handler = underManaged()
        for (const names of request.earlier) handler.use(middlewareOf(names))
        handler.use(middleware)
        for (const names of request.later) handler.use(middlewareOf(names))
        handler.handler(async () => {
          await hooks[request.handler]?.({} as never)
          return 'answer'
        })
        const trace = newTrace()
        const ours = { ...contextFor(60_000), trace: trace.root }
        return settle(invokeTraced(trace.header, () => handler({}, ours)))
      }
      await fc.assert(
        fc.asyncProperty(aRequest, async (request) => {
          const ours: Middleware = {
            ...instrumented,
            before: async (middyRequest) => {
              await instrumented.before?.(middyRequest)
              const order = `order-${begun.size}`
              begun.set(order, String(middyRequest.context['trace']))
              metrics.addDimension('order', order).addMetric('handled', MetricUnit.Count, 1)
              const scope = scopeOf(middyRequest)
              scope?.defer('resource', () => scope.record({ name: 'Used', unit: 'Bytes', value: begun.size }))
            },
          }
          const nothing: Middleware = { before: () => {}, after: () => {}, onError: () => {} }
          expect(await run(request, ours)).toEqual(await run(request, nothing))
        }),
        { numRuns: 200 },
      )
      const documents = (await daemon.receive(begun.size)).splice(0)
      expect(documents.map(({ trace_id }) => trace_id).toSorted()).toEqual([...begun.values()].toSorted())
      const orders = [...begun.keys()]
      expect(output.blobs().map(({ order, Used }) => [order, Used])).toEqual(
        orders.map((order, index) => [order, resources ? index + 1 : undefined]),
      )
    },
  )
})
