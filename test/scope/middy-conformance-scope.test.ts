import { beforeAll, describe, expect, test } from '@jest/globals'
import { currentScope, managed, type Scope, scopeOf } from 'middy-managed-instances'
import { barrier } from 'middy-managed-instances/testing'
import { contextFor, type Fields, never, underManaged } from './support/handlers.ts'
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
    const handler = underManaged(managed(managed(mode.plugin)))
      .use(probe.middleware)
      .before((request) => {
        scopes.add(scopeOf(request)).add(currentScope())
      })
      .handler(async () => {
        scopes.add(currentScope())
        return mode.answers.ours
      })

    await mode.invoke(handler, contextFor(60_000))

    expect(scopes).toEqual(new Set([probe.scope]))
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
