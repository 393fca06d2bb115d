import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { currentScope, managed, type Scope, scopeOf } from 'middy-managed-instances'
import { barrier, expectNoLeaks } from 'middy-managed-instances/testing'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import { contextFor, type Fields, type Middleware, never, settle, underManaged } from './support/handlers.ts'
import { modes } from './support/modes.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda } from './support/streaming.ts'

beforeAll(installAwsLambda)

describe.each(modes.map((mode) => [mode.name, mode] as const))('in %s mode', (_name, mode) => {
  test('shows one signal as context.signal, in the third argument and on the scope', async () => {
    const signals: unknown[] = []
    const handler = underManaged(mode.plugin)
      .before(({ context }) => {
        signals.push(context['signal'])
      })
      .handler(async (_event, context, options) => {
        signals.push(context['signal'], options.signal, currentScope()?.signal)
        return mode.answers.ours
      })

    await mode.invoke(handler, contextFor(60_000))

    expect(signals).toHaveLength(4)
    expect(signals[0]).toBeInstanceOf(AbortSignal)
    expect(new Set(signals).size).toBe(1)
  })

  test('opens one scope for managed(managed())', async () => {
    const probe = new Probe()
    const scopes = new Set<unknown>()
    const open: unknown[] = []
    const handler = underManaged(managed(managed(mode.plugin)))
      .use(probe.middleware)
      .before((request) => {
        scopes.add(scopeOf(request)).add(currentScope())
      })
      .handler(async () => {
        scopes.add(currentScope())
        open.push(await settle(expectNoLeaks(0)))
        return mode.answers.ours
      })

    await mode.invoke(handler, contextFor(60_000))

    expect(scopes).toEqual(new Set([probe.scope]))
    expect(open).toEqual([{ error: expect.objectContaining({ message: expect.stringContaining(': 1 still there') }) }])
    expect(probe.endings).toEqual([{ outcome: 'returned', handlerSettled: true }])
  })

  test('leaves the caller outside of any scope', async () => {
    const running = mode.invoke(underManaged(mode.plugin), contextFor(60_000))
    expect(currentScope()).toBeUndefined()
    await running
    expect(currentScope()).toBeUndefined()
  })
})

test('keeps the scopes and signals of overlapping requests apart that share one context object', async () => {
  const meet = barrier(3)
  const context: Fields = contextFor(60_000)
  const probes = new Map<unknown, Probe>()
  const handler = underManaged()
    .before((request) => {
      const probe = new Probe()
      probes.set(request.event, probe)
      probe.middleware.before?.(request)
    })
    .handler(async (event, given, options) => {
      await meet()
      expect(currentScope()).toBe(probes.get(event)?.scope)
      expect(given['signal']).toBe(options.signal)
      return options.signal
    })

  const signals = await Promise.all([{ id: 1 }, { id: 2 }, { id: 3 }].map((event) => handler(event, context)))

  expect(new Set(signals).size).toBe(3)
  expect([...probes.values()].map(({ endings }) => endings.length)).toEqual([1, 1, 1])
})

describe('context keys of overlapping requests that share one context object', () => {
  const named: Middleware = contextMiddleware('owner', 'owner', (scope) => scope) as unknown as Middleware

  test('are those of its own request where a handler starts', async () => {
    const [meet, context] = [barrier(3), contextFor(60_000)]
    const handler = underManaged()
      .use(named)
      .before(() => meet())
      .handler(async (_event, given) => given['owner'] === currentScope())

    expect(await Promise.all([1, 2, 3].map(() => handler({}, context)))).toEqual([true, true, true])
  })

  test('leave nothing behind, whichever request ends first', async () => {
    const context = contextFor(60_000)
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const handler = underManaged()
      .use(named)
      .handler((event) => ends[event['id'] as number]?.promise)
    const [first, second] = [handler({ id: 0 }, context), handler({ id: 1 }, context)]

    ends[0]?.resolve()
    await first
    ends[1]?.resolve()
    await second

    expect(context['owner']).toBeUndefined()
  })

  // The key itself stays: deleting it costs eight times what the middleware does.
  test('leave no value behind after one request', async () => {
    const context = contextFor(60_000)

    await underManaged().use(named)({}, context)

    expect(context['owner']).toBeUndefined()
  })
})

test.each<[string, () => void]>([
  [
    'throws',
    () => {
      throw new Error('in onReleaseError')
    },
  ],
  ['rejects', () => Promise.reject(new Error('in onReleaseError'))],
])('answers, and writes of a failed release itself, when onReleaseError %s', async (_, onReleaseError) => {
  const written = jest.spyOn(console, 'error').mockImplementation(() => {})
  try {
    const handler = underManaged({ onReleaseError }).before((request) => {
      scopeOf(request)?.defer('failing', () => Promise.reject(new Error('in a release')))
    })

    expect(await handler.handler(() => 'answer')({}, {})).toBe('answer')
    expect(written.mock.calls).toEqual([[expect.stringContaining('"RELEASE_FAILED"')]])
  } finally {
    written.mockRestore()
  }
})

test('closes a scope at its deadline while a test suite fakes the timers', async () => {
  jest.useFakeTimers()
  try {
    const probe = new Probe()
    settle(underManaged().use(probe.middleware).before(never)({}, contextFor(60)))

    expect(await probe.released).toMatchObject({ outcome: 'timedOut' })
  } finally {
    jest.useRealTimers()
  }
})

test('bounds a release that hangs while a test suite fakes the timers', async () => {
  jest.useFakeTimers()
  try {
    const onReleaseError = jest.fn()
    const handler = underManaged({ releaseTimeout: 20, onReleaseError }).before((request) => {
      scopeOf(request)?.defer('hanging', never)
    })

    expect(await handler.handler(() => 'answer')({}, {})).toBe('answer')
    expect(onReleaseError).toHaveBeenCalledTimes(1)
  } finally {
    jest.useRealTimers()
  }
})

test('knows when a handler has stopped that nobody waits for, since its remaining time cannot be told', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let scope: Scope | undefined
  const handler = underManaged().handler(() => {
    scope = currentScope()
    return promise
  })
  const getRemainingTimeInMillis = (): never => {
    throw new RangeError('no clock')
  }

  expect(await settle(handler({}, { getRemainingTimeInMillis }))).toMatchObject({ error: { message: 'no clock' } })
  expect(scope?.signal.aborted).toBe(true)
  resolve()
  await scope?.handlerSettled
})

test('aborts the signal of a timed-out request alone, with the reason that Middy gives', async () => {
  const scopes: (Scope | undefined)[] = []
  const handler = underManaged({ timeoutEarlyResponse: () => 'early' }).handler((event) => {
    scopes.push(currentScope())
    return event['hang'] ? never() : 'answer'
  })

  expect(await Promise.all([handler({ hang: true }, contextFor(60)), handler({}, contextFor(60_000))])).toEqual([
    'early',
    'answer',
  ])

  expect(scopes.map((scope) => scope?.signal.aborted)).toEqual([true, false])
  expect(scopes[0]?.signal.reason).toHaveProperty('name', 'AbortError')
})
