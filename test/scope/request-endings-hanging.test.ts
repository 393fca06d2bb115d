import { Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { scopeOf } from 'middy-managed-instances'
import { handlerError } from './support/endings.ts'
import { contextFor, type Handler, never, settle, underManaged } from './support/handlers.ts'
import { type Mode, modes, streamingMode } from './support/modes.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda, invokeStreaming, ResponseStream } from './support/streaming.ts'

beforeAll(installAwsLambda)

const fail = (): never => {
  throw handlerError
}

const remaining = (context: Record<string, unknown>): number =>
  (context as { getRemainingTimeInMillis: () => number }).getRemainingTimeInMillis()

interface Hanging {
  readonly name: string
  readonly build: (handler: Handler, probe: Probe, mode: Mode) => Handler
  readonly plugin?: { readonly requestEnd: () => Promise<never> }
  /** Whether the handler has ended by the deadline: only then the scope can know that it has. */
  readonly handlerEnded: boolean
}

const hangings: readonly Hanging[] = [
  {
    name: 'a before hangs',
    build: (handler, probe) => handler.use(probe.middleware).before(never),
    handlerEnded: false,
  },
  {
    name: 'an after hangs',
    build: (handler, probe, mode) =>
      handler
        .use(probe.middleware)
        .after(never)
        .handler(async () => mode.answers.ours),
    handlerEnded: true,
  },
  {
    name: 'an onError hangs',
    build: (handler, probe) =>
      handler
        .use(probe.middleware)
        .onError(never)
        .handler(async () => fail()),
    handlerEnded: true,
  },
  {
    name: 'the requestEnd hook hangs',
    build: (handler, probe, mode) => handler.use(probe.middleware).handler(async () => mode.answers.ours),
    plugin: { requestEnd: never },
    handlerEnded: true,
  },
]

describe.each(modes.map((mode) => [mode.name, mode] as const))('at the deadline in %s mode', (_name, mode) => {
  test.each(hangings.map((hanging) => [hanging.name, hanging] as const))(
    'releases once and aborts the signal when %s',
    async (_, { build, plugin, handlerEnded }) => {
      const probe = new Probe()
      const handler = build(underManaged({ ...mode.plugin, ...plugin }), probe, mode)
      const context = contextFor(100)

      settle(mode.invoke(handler, context))
      const ending = await probe.released

      expect(ending.outcome).toBe('timedOut')
      expect(probe.scope?.outcome).toBe('timedOut')
      expect(probe.scope?.signal.aborted).toBe(true)
      expect(probe.scope?.signal.reason).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
      if (handlerEnded) await probe.scope?.handlerSettled
      expect(probe.endings).toHaveLength(1)
    },
  )

  test('releases once when the handler hangs and Middy has no early timeout', async () => {
    const probe = new Probe()
    const handler = underManaged({ ...mode.plugin, timeoutEarlyInMillis: 0 })
    handler.use(probe.middleware).handler(never)

    settle(mode.invoke(handler, contextFor(100)))

    expect(await probe.released).toEqual({ outcome: 'timedOut', handlerSettled: false })
    expect(probe.scope?.signal.aborted).toBe(true)
  })
})

test('ends a response stream that never ends by itself', async () => {
  const probe = new Probe()
  const stream = new ResponseStream()
  const body = new Readable({ read() {} })
  body.push('begun')
  const handler = underManaged(streamingMode.plugin).use(probe.middleware)
  handler.handler(async () => body)

  const running = settle(invokeStreaming(handler, {}, contextFor(100), stream))
  const ending = await probe.released

  expect(ending).toEqual({ outcome: 'timedOut', handlerSettled: true })
  expect(await running).toMatchObject({ error: { code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } } })
  expect(stream.destroyed).toBe(true)
  expect(body.destroyed).toBe(true)
  expect(stream.text).toBe('begun')
  expect(probe.endings).toHaveLength(1)
})

describe('with releases that hang', () => {
  const deferHanging = (handler: Handler, names: string[]): Handler => {
    for (const name of ['first', 'second'])
      handler.before((request) => {
        scopeOf(request)?.defer(name, () => {
          names.push(name)
          return never()
        })
      })
    return handler
  }

  test.each([
    ['answer', { timeoutEarlyResponse: () => 'early' }, { answer: 'early' }],
    ['error', {}, { error: expect.objectContaining({ name: 'TimeoutError' }) }],
  ] as const)('is not late with the %s of an early timeout', async (_, plugin, expected) => {
    const started: string[] = []
    const context = contextFor(100)
    const handler = deferHanging(underManaged({ timeoutEarlyInMillis: 60, reserve: 0, ...plugin }), started).handler(
      never,
    )

    const settled = await settle(handler({}, context))

    expect(remaining(context)).toBeGreaterThan(0)
    expect(settled).toEqual(expected)
    expect(started).toEqual(['second', 'first'])
  })

  test('is not late with the answer of a handler that returns with little time left', async () => {
    const started: string[] = []
    const context = contextFor(150)
    const handler = deferHanging(underManaged({ onReleaseError: () => {} }), started).handler(async () => 'answer')

    const settled = await settle(handler({}, context))

    expect(remaining(context)).toBeGreaterThan(0)
    expect(settled).toEqual({ answer: 'answer' })
    expect(started).toEqual(['second', 'first'])
  })
})
