import './support/managed-environment.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import { type Ending, endings, handlerError, hookError } from '../scope/support/endings.ts'
import { bare, type Create, contextFor, type Middleware, settle, underManaged } from '../scope/support/handlers.ts'
import { type Mode, modes } from '../scope/support/modes.ts'
import { installAwsLambda } from '../scope/support/streaming.ts'
import { type Daemon, type Document, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole, takeWarnings } from './support/invocation.ts'
import { Logger, Metrics, MetricUnit, powertools, Tracer } from './support/packages.ts'

const logger = new Logger({ logBufferOptions: { enabled: true } })
const tracer = new Tracer({ captureHTTPsRequests: false })
const metrics = new Metrics({ namespace: 'shop' })

/** Our middleware, whose request logs something that is buffered and records a metric. */
const create = (resources: boolean): Middleware => {
  const options = { logger, tracer, metrics, flushBufferOnUncaughtError: true, resources }
  const instrumented = powertools(options) as unknown as Middleware
  return {
    ...instrumented,
    before: async (request) => {
      await instrumented.before?.(request)
      logger.appendKeys({ order: 'own' })
      logger.debug('buffered')
      metrics.addDimension('order', 'own').addMetric('handled', MetricUnit.Count, 1)
    },
  }
}

/** A middleware that knows what it has used when the request is over. */
const resource = contextMiddleware('resource', 'resource', (scope) => {
  scope.defer('resource', () => scope.record({ name: 'Used', unit: 'Bytes', value: 5 }))
}) as unknown as Middleware

interface Variant {
  readonly name: string
  readonly middlewares: readonly Middleware[]
  /** What else is in the metrics, and in the metadata of the segment. */
  readonly recorded: object
  /** The endings that throw when it has heard of success, and hears no more of Middy. */
  readonly unheard: RegExp
}

const variants: readonly Variant[] = [
  {
    name: 'powertools()',
    middlewares: [create(false)],
    recorded: {},
    unheard: /^(?:an earlier-registered after|the requestEnd hook) throws/,
  },
  {
    name: 'powertools({ resources: true })',
    middlewares: [create(true), resource],
    recorded: { Used: 5 },
    unheard: /^the requestEnd hook throws/,
  },
]

const nothing: Middleware = { before: () => {}, after: () => {}, onError: () => {} }

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
beforeAll(async () => {
  installAwsLambda()
  daemon = await startDaemon()
  tracer.provider.setDaemonAddress(daemon.address)
})
afterAll(() => daemon.stop())
beforeEach(() => {
  takeWarnings()
  output = takeConsole()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await expectNoLeaks()
})

/** The segments of a trace, of which there should be one, or none where ours never ran. */
const segmentsOf = async (root: string, { beforeOurs }: Ending): Promise<Document[]> => {
  const documents = await daemon.receive(daemon.documents.length + 1, beforeOurs ? 100 : 1_000)
  return documents.filter(({ trace_id }) => trace_id === root)
}

/** Whether ours takes an ending for a failure. */
const isFailure = ({ name, outcome }: Ending, unheard: RegExp): boolean =>
  (outcome === 'threw' && !unheard.test(name)) || name === 'the early timeout throws'

const run = async (create: Create, mode: Mode, ending: Ending, middlewares: readonly Middleware[], timeout: number) => {
  const trace = newTrace()
  const handler = create({ ...mode.plugin, ...ending.plugin?.(mode.answers) })
  const settled = await invokeTraced(trace.header, () =>
    settle(mode.invoke(ending.build(handler, middlewares as Middleware, mode.answers), contextFor(timeout))),
  )
  return { settled, trace }
}

const inModes = modes.flatMap((mode) =>
  variants.map((variant) => [`${variant.name} under managed() in ${mode.name} mode`, mode, variant] as const),
)

describe.each(inModes)('%s', (_name, mode, { middlewares, recorded, unheard }) => {
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'everything is finished once, and the answer is as without it, when %s',
    async (_, ending) => {
      const timeout = ending.timesOut ? 80 : 60_000
      const expected = await run(underManaged, mode, ending, [nothing], timeout)
      const { settled, trace } = await run(underManaged, mode, ending, middlewares, timeout)

      expect(settled).toStrictEqual(expected.settled)
      const segments = await segmentsOf(trace.root, ending)
      if (ending.beforeOurs) {
        expect([segments, output.blobs(), output.lines()]).toEqual([[], [], []])
        return
      }
      expect(segments).toHaveLength(1)
      expect(segments[0]).toMatchObject({ name: '## index.handler', parent_id: trace.parent })
      expect(output.blobs()).toMatchObject([{ order: 'own', handled: 1, ...recorded }])
      expect(segments[0]?.metadata?.['resources'] ?? {}).toEqual(recorded)
      const failed = isFailure(ending, unheard)
      expect(segments[0]?.fault ?? false).toBe(failed)
      if (failed && !ending.timesOut && !ending.throwsNothing)
        expect([handlerError.message, hookError.message]).toContain(segments[0]?.cause?.exceptions[0]?.message)
      expect(output.lines().map(({ message }) => message)).toEqual(
        failed ? ['buffered', 'Uncaught error detected, flushing log buffer before exit'] : [],
      )
    },
  )
})

describe.each(variants)('$name on a plain middy()', ({ middlewares, recorded }) => {
  const standard = modes[0] as Mode
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'everything is finished once, at the latest at the deadline, and the answer is as without it, when %s',
    async (_, ending) => {
      const expected = await run(bare, standard, ending, [nothing], 150)
      const { settled, trace } = await run(bare, standard, ending, middlewares, 150)

      expect(settled).toStrictEqual(expected.settled)
      const segments = await segmentsOf(trace.root, ending)
      expect(segments).toHaveLength(ending.beforeOurs ? 0 : 1)
      expect(output.blobs()).toMatchObject(ending.beforeOurs ? [] : [{ handled: 1, ...recorded }])
    },
  )
})
