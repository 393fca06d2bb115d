import './support/managed-environment.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { expectNoLeaks } from 'middy-managed-instances/testing'
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
const instrumented = powertools({ logger, tracer, metrics, flushBufferOnUncaughtError: true }) as unknown as Middleware

/** Our middleware, whose request logs something that is buffered and records a metric. */
const ours: Middleware = {
  ...instrumented,
  before: async (request) => {
    await instrumented.before?.(request)
    logger.appendKeys({ order: 'own' })
    logger.debug('buffered')
    metrics.addDimension('order', 'own').addMetric('handled', MetricUnit.Count, 1)
  },
}

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

/** The endings that ours takes for a failure. The others throw after its end: it is registered too late, or hears of no hook. */
const isFailure = ({ name, outcome }: Ending): boolean =>
  (outcome === 'threw' && !/^(?:an earlier-registered after|the requestEnd hook) throws/.test(name)) ||
  name === 'the early timeout throws'

const run = async (create: Create, mode: Mode, ending: Ending, middleware: Middleware, timeout: number) => {
  const trace = newTrace()
  const handler = create({ ...mode.plugin, ...ending.plugin?.(mode.answers) })
  const settled = await invokeTraced(trace.header, () =>
    settle(mode.invoke(ending.build(handler, middleware, mode.answers), contextFor(timeout))),
  )
  return { settled, trace }
}

describe.each(modes.map((mode) => [mode.name, mode] as const))('under managed() in %s mode', (_name, mode) => {
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'everything is finished once, and the answer is as without it, when %s',
    async (_, ending) => {
      const timeout = ending.timesOut ? 80 : 60_000
      const expected = await run(underManaged, mode, ending, nothing, timeout)
      const { settled, trace } = await run(underManaged, mode, ending, ours, timeout)

      expect(settled).toStrictEqual(expected.settled)
      const segments = await segmentsOf(trace.root, ending)
      if (ending.beforeOurs) {
        expect([segments, output.blobs(), output.lines()]).toEqual([[], [], []])
        return
      }
      expect(segments).toHaveLength(1)
      expect(segments[0]).toMatchObject({ name: '## index.handler', parent_id: trace.parent })
      expect(output.blobs()).toMatchObject([{ order: 'own', handled: 1 }])
      expect(segments[0]?.fault ?? false).toBe(isFailure(ending))
      if (isFailure(ending) && !ending.timesOut)
        expect([handlerError.message, hookError.message]).toContain(segments[0]?.cause?.exceptions[0]?.message)
      expect(output.lines().map(({ message }) => message)).toEqual(
        isFailure(ending) ? ['buffered', 'Uncaught error detected, flushing log buffer before exit'] : [],
      )
    },
  )
})

describe('on a plain middy()', () => {
  const standard = modes[0] as Mode
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'everything is finished once, at the latest at the deadline, and the answer is as without it, when %s',
    async (_, ending) => {
      const expected = await run(bare, standard, ending, nothing, 150)
      const { settled, trace } = await run(bare, standard, ending, ours, 150)

      expect(settled).toStrictEqual(expected.settled)
      const segments = await segmentsOf(trace.root, ending)
      expect(segments).toHaveLength(ending.beforeOurs ? 0 : 1)
      expect(output.blobs()).toHaveLength(ending.beforeOurs ? 0 : 1)
    },
  )
})
