import { Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from '@jest/globals'
import inputOutputLogger from '@middy/input-output-logger'
import warmup from '@middy/warmup'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import {
  bare,
  type Create,
  contextFor,
  type Fields,
  type Middleware,
  never,
  type Settled,
  settle,
  underManaged,
} from './support/handlers.ts'
import { type Exchange, echo, exchanges, officialMiddlewares } from './support/official.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda, invokeStreaming, streaming } from './support/streaming.ts'

beforeAll(installAwsLambda)

type Position = 'before' | 'after'

interface Observed {
  readonly settled: Settled
  readonly log: readonly unknown[]
}

const lambdaContext = (deadline: number): Fields => ({
  ...contextFor(deadline),
  functionName: 'orders',
  callbackWaitsForEmptyEventLoop: true,
})

const run = async (
  create: Create,
  { event, run }: Exchange,
  ours: Middleware,
  position: Position,
  deadline = 60_000,
): Promise<Observed> => {
  const log: unknown[] = []
  const official = officialMiddlewares((line) => log.push(structuredClone(line)))
  const handler = create().use(position === 'before' ? [ours, ...official] : [...official, ours])
  return { settled: await settle(echo(handler, run)(structuredClone(event), lambdaContext(deadline))), log }
}

/** What our middlewares leave on the context is seen by a logger of the context; nothing else may differ. */
const ourMiddleware = (probe: Probe): Middleware =>
  contextMiddleware('ours', 'ours', (scope) => {
    scope.defer('ours', probe.release)
    return 'resource'
  }) as unknown as Middleware

const rows = (['before', 'after'] as const).flatMap((position) =>
  exchanges.map((exchange) => ({ position, exchange, name: exchange.name })),
)

const nothing: Middleware = { before: () => {}, after: () => {}, onError: () => {} }

describe('under managed()', () => {
  test.each(rows)(
    'stacked $position them, answers and logs as without it when $name',
    async ({ position, exchange }) => {
      const expected = await run(bare, exchange, nothing, position)
      const probe = new Probe()

      const actual = await run(underManaged, exchange, probe.middleware, position)

      expect(expected.settled).toMatchObject({ answer: exchange.answer })
      expect(actual).toStrictEqual(expected)
      const skipped = position === 'after' && exchange.endsBeforeOurs
      expect(probe.endings).toEqual(skipped ? [] : [{ outcome: exchange.outcome, handlerSettled: true }])
    },
  )

  test.each(rows)('releases one of ours, stacked $position them, when $name', async ({ position, exchange }) => {
    const expected = await run(bare, exchange, nothing, position)
    const probe = new Probe()

    const actual = await run(underManaged, exchange, ourMiddleware(probe), position)

    expect(actual.settled).toStrictEqual(expected.settled)
    expect(probe.endings).toHaveLength(position === 'after' && exchange.endsBeforeOurs ? 0 : 1)
  })

  test.each(['before', 'after'] as const)(
    'stacked %s them, gives the answer they make of a timeout',
    async (position) => {
      const observed: Settled[] = []
      const probe = new Probe()
      for (const create of [bare, underManaged]) {
        const ours = create === bare ? nothing : probe.middleware
        const official = officialMiddlewares(() => {})
        const handler = create().use(position === 'before' ? [ours, ...official] : [...official, ours])
        handler.handler(never)
        const event = exchanges[0]?.event
        observed.push(await settle(handler(structuredClone(event), lambdaContext(60))))
      }

      expect(observed[1]).toStrictEqual(observed[0])
      expect(observed[1]).toMatchObject({ answer: { statusCode: 500 } })
      expect(probe.endings).toEqual([{ outcome: 'timedOut', handlerSettled: false }])
    },
  )

  test.each(['before', 'after'] as const)(
    'stacked %s a logger of a streamed answer, releases after it',
    async (position) => {
      const log: unknown[] = []
      const probe = new Probe()
      const body = Readable.from(['streamed ', 'answer'])
      const logger = inputOutputLogger({
        logger: (line) => {
          log.push(line, probe.endings.length)
        },
      }) as unknown as Middleware
      const handler = underManaged(streaming)
      handler.use(position === 'before' ? [probe.middleware, logger] : [logger, probe.middleware])
      handler.handler(async () => body)

      expect(await invokeStreaming(handler, { id: 1 }, lambdaContext(60_000))).toBe('streamed answer')

      expect(log).toEqual([{ event: { id: 1 } }, 0, { response: 'streamed answer' }, 0])
      expect(probe.endings).toEqual([{ outcome: 'returned', handlerSettled: true }])
    },
  )
})

describe('on a plain middy()', () => {
  test.each(rows)(
    'releases one of ours, stacked $position them, at the latest at the deadline when $name',
    async ({ position, exchange }) => {
      const expected = await run(bare, exchange, nothing, position)
      const probe = new Probe()

      const actual = await run(bare, exchange, ourMiddleware(probe), position, 150)

      expect(actual.settled).toStrictEqual(expected.settled)
      const skipped = position === 'after' && exchange.endsBeforeOurs
      if (!skipped) await probe.released
      expect(probe.endings).toHaveLength(skipped ? 0 : 1)
    },
  )
})

test('leaves a warm-up without a trace of the handler', async () => {
  const ran: string[] = []
  const probe = new Probe()
  const handler = underManaged().use([probe.middleware, warmup() as unknown as Middleware])
  handler.handler(() => ran.push('handler'))

  expect(await handler({ source: 'serverless-plugin-warmup' }, lambdaContext(60_000))).toBe('warmup')
  expect(ran).toEqual([])
  expect(probe.endings).toEqual([{ outcome: 'early', handlerSettled: true }])
})
