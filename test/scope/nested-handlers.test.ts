import { describe, expect, test } from '@jest/globals'
import httpRouter from '@middy/http-router'
import { currentScope, scopeOf } from 'middy-managed-instances'
import { barrier, expectNoLeaks } from 'middy-managed-instances/testing'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import {
  bare,
  type Create,
  contextFor,
  type Fields,
  type Handler,
  type Middleware,
  never,
  settle,
  underManaged,
} from './support/handlers.ts'
import { Probe } from './support/probe.ts'

type Kind = 'plain' | 'managed'

const creates: Record<Kind, Create> = { plain: bare, managed: underManaged }

const combinations: readonly (readonly [Kind, Kind])[] = [
  ['plain', 'plain'],
  ['plain', 'managed'],
  ['managed', 'plain'],
  ['managed', 'managed'],
]

/** One of our middlewares, which has its name for a context key. */
const ours = (name: string, probe: Probe): Middleware =>
  contextMiddleware(name, name, (scope) => {
    probe.scope = scope
    scope.defer(name, probe.release)
    return { of: name }
  }) as unknown as Middleware

const route = (handler: Handler): unknown => httpRouter([{ method: 'GET', path: '/inner', handler: handler as never }])

const event: Fields = { httpMethod: 'GET', path: '/inner' }

const nest = (outerKind: Kind, innerKind: Kind) => {
  const [outer, inner] = [new Probe(), new Probe()]
  const innerHandler = creates[innerKind]().use(ours('inner', inner))
  const outerHandler = creates[outerKind]().use(ours('outer', outer))
  outerHandler.handler(route(innerHandler) as never)
  return { outer, inner, innerHandler, outerHandler }
}

describe.each(combinations)('a %s router with a %s route', (outerKind, innerKind) => {
  test('shows both their keys to the route, and ends each with its own request', async () => {
    const { outer, inner, innerHandler, outerHandler } = nest(outerKind, innerKind)
    const seen: unknown[] = []
    innerHandler.handler(async (_event, context) => {
      seen.push(context['outer'], context['inner'], outer.endings.length, inner.endings.length)
      return { statusCode: 200 }
    })
    outerHandler.after(({ context }) => {
      seen.push(context['outer'], outer.endings.length)
    })

    expect(await outerHandler(event, contextFor(60_000))).toEqual({ statusCode: 200 })

    expect(seen).toEqual([{ of: 'outer' }, { of: 'inner' }, 0, 0, { of: 'outer' }, 0])
    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
    expect(outer.scope?.signal.aborted).toBe(false)
  })

  test('releases what each holds once when the route throws', async () => {
    const { outer, inner, innerHandler, outerHandler } = nest(outerKind, innerKind)
    const error = new Error('thrown by the route')
    innerHandler.handler(() => Promise.reject(error))

    const settled = await settle(outerHandler(event, contextFor(60_000)))

    expect('error' in settled && settled.error).toBe(error)
    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
    expect(outer.endings[0]?.outcome).toBe('threw')
    expect(inner.endings[0]?.outcome).toBe('threw')
  })

  test('keeps the resource and signal of the router when a route of it ends before the router does', async () => {
    const { outer, inner, innerHandler } = nest(outerKind, innerKind)
    const seen: unknown[] = []
    innerHandler.handler(async () => ({ statusCode: 200 }))
    const outerHandler = creates[outerKind]()
      .use(ours('outer', outer))
      .handler(async (given, context) => {
        const [first, second] = [await innerHandler(given, context), await innerHandler(given, context)]
        seen.push(outer.endings.length, inner.endings.length, context['outer'], outer.scope?.signal.aborted)
        return [first, second]
      })

    await outerHandler(event, contextFor(60_000))

    expect(seen).toEqual([0, 2, { of: 'outer' }, false])
    expect(outer.endings).toHaveLength(1)
  })

  test('takes the key of the route off the context where the router goes on with it', async () => {
    const { inner, innerHandler } = nest(outerKind, innerKind)
    innerHandler.handler(async () => 'inner')
    const context = contextFor(60_000)
    const outerHandler = creates[outerKind]().handler(async (given, same) => {
      await innerHandler(given, same)
      return same['inner']
    })

    expect(await outerHandler(event, context)).toBeUndefined()
    expect(inner.endings).toHaveLength(1)
    expect(context['inner']).toBeUndefined()
  })

  test('gives back the key of the router after a route that uses the same one', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const value = (name: string, probe: Probe): Middleware =>
      contextMiddleware(name, 'shared', (scope) => {
        scope.defer(name, probe.release)
        return name
      }) as unknown as Middleware
    const innerHandler = creates[innerKind]()
      .use(value('inner', inner))
      .handler(async (_event, context) => context['shared'])
    const outerHandler = creates[outerKind]()
      .use(value('outer', outer))
      .handler(async (given, context) => [await innerHandler(given, context), context['shared']])

    expect(await outerHandler(event, contextFor(60_000))).toEqual(['inner', 'outer'])
    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
  })

  test('runs overlapping requests without mixing their resources', async () => {
    const meet = barrier(4)
    const probes: Probe[] = []
    const open = (name: string): Middleware => {
      const values = contextMiddleware(name, name, (scope) => {
        const probe = new Probe()
        probes.push(probe)
        scope.defer(name, probe.release)
        return probe
      })
      return values as unknown as Middleware
    }
    const innerHandler = creates[innerKind]()
      .use(open('inner'))
      .handler(async (_event, context) => {
        const { outer, inner } = context as { outer: Probe; inner: Probe }
        await meet()
        const kept = context['outer'] === outer && context['inner'] === inner
        return { kept, open: outer.endings.length + inner.endings.length }
      })
    const outerHandler = creates[outerKind]()
      .use(open('outer'))
      .handler(route(innerHandler) as never)

    const answers = await Promise.all([1, 2, 3, 4].map(() => outerHandler(event, contextFor(60_000))))

    expect(answers).toEqual([1, 2, 3, 4].map(() => ({ kept: true, open: 0 })))
    expect(probes.map(({ endings }) => endings.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
  })

  test('releases both at the latest at the deadline when the route hangs', async () => {
    const { outer, inner, innerHandler, outerHandler } = nest(outerKind, innerKind)
    innerHandler.handler(never)

    await settle(outerHandler(event, contextFor(100)))
    await Promise.all([outer.released, inner.released])

    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
    expect(inner.endings[0]?.outcome).toBe('timedOut')
  })
})

describe('a managed router', () => {
  test('lends a plain route its scope, by currentScope(), and not by the request of the route', async () => {
    const seen: unknown[] = []
    const innerHandler = bare()
      .before((request) => {
        seen.push(currentScope(), scopeOf(request))
      })
      .handler(async () => 'inner')
    const outer = new Probe()
    const outerHandler = underManaged()
      .use(outer.middleware)
      .handler((given, context) => innerHandler(given, context))

    expect(await outerHandler(event, contextFor(60_000))).toBe('inner')
    expect(seen).toEqual([outer.scope, undefined])
  })

  test('ends with it what a plain route holds whose hooks Middy has skipped', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const innerHandler = bare()
      .use(ours('inner', inner))
      .before(() => 'early')
      .handler(never)
    const outerHandler = underManaged()
      .use(ours('outer', outer))
      .handler(async (given, context) => {
        const answer = await innerHandler(given, context)
        return [answer, inner.endings.length]
      })
      .after(() => {
        expect(inner.endings).toEqual([])
      })

    expect(await outerHandler(event, contextFor(60_000))).toEqual(['early', 0])
    expect(inner.endings).toEqual([{ outcome: 'early', handlerSettled: true }])
    expect(outer.endings).toHaveLength(1)
    await expectNoLeaks()
  })

  test('ends it as it ends itself, also for one that is called after its end', async () => {
    const endings: unknown[] = []
    const late = Promise.withResolvers<void>()
    const innerHandler = (): [Probe, Handler] => {
      const probe = new Probe()
      const handler = bare()
        .use(ours('inner', probe))
        .before(() => 'early')
      return [probe, handler.handler(never)]
    }
    const [[first, route], [second, lateRoute]] = [innerHandler(), innerHandler()]
    let running: Promise<unknown> | undefined
    const outerHandler = underManaged().handler(async (given) => {
      await route(given, contextFor(60_000))
      running = late.promise.then(() => lateRoute(given, contextFor(50)))
      throw new Error('thrown by the router')
    })

    await settle(outerHandler(event, contextFor(60_000)))
    endings.push(...first.endings)
    late.resolve()
    expect(await running).toBe('early')
    endings.push(await second.released)

    expect(endings).toMatchObject([{ outcome: 'threw' }, { outcome: 'timedOut' }])
  })

  test('has a scope of its own beside that of a managed route, which ends first', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const innerHandler = underManaged()
      .use(inner.middleware)
      .handler(async () => 'inner')
    const outerHandler = underManaged()
      .use(outer.middleware)
      .handler(async (given, context) => {
        await innerHandler(given, context)
        return [currentScope() === outer.scope, inner.scope?.outcome, outer.scope?.outcome]
      })

    expect(await outerHandler(event, contextFor(60_000))).toEqual([true, 'returned', undefined])
    expect(inner.scope).not.toBe(outer.scope)
  })

  test('aborts a managed route when it times out itself, and not the other way round', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const innerHandler = underManaged({ timeoutEarlyResponse: () => 'inner timed out' })
      .use(inner.middleware)
      .handler(never)
    const outerHandler = underManaged()
      .use(outer.middleware)
      .handler((given) => innerHandler(given, contextFor(60)))

    expect(await outerHandler(event, contextFor(60_000))).toBe('inner timed out')
    expect(inner.scope?.signal.aborted).toBe(true)
    expect(outer.scope?.signal.aborted).toBe(false)
    expect(outer.endings).toEqual([{ outcome: 'returned', handlerSettled: true }])

    const next = new Probe()
    const patient = underManaged().use(next.middleware).handler(never)
    const hasty = underManaged({ timeoutEarlyResponse: () => 'outer timed out' })
    hasty.handler((given) => patient(given, contextFor(300)))

    expect(await hasty(event, contextFor(60))).toBe('outer timed out')
    expect(next.scope?.signal.aborted).toBe(true)
  })
})
