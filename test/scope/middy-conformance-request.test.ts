import { AsyncLocalStorage } from 'node:async_hooks'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { contextFor, factories, type Hook, type Request, thenable } from './support/handlers.ts'
import { modes } from './support/modes.ts'
import { installAwsLambda } from './support/streaming.ts'

beforeAll(installAwsLambda)

describe.each(factories)('%s', (_name, create) => {
  describe.each(modes.map((mode) => [mode.name, mode] as const))('in %s mode', (_mode, mode) => {
    test('calls every plugin hook and middleware once, in order and with the same arguments', async () => {
      const calls: unknown[] = []
      let started: Request | undefined
      const note =
        (name: string) =>
        (...args: unknown[]) => {
          calls.push([name, ...args.map((arg) => (typeof arg === 'string' ? arg : arg === started ? 'request' : '?'))])
        }
      const requestStart = (request: unknown): void => {
        started = request as Request
        note('requestStart')(request)
      }
      const hooks = ['beforeMiddleware', 'afterMiddleware', 'beforeHandler', 'afterHandler', 'requestEnd'] as const
      const noted = Object.fromEntries(hooks.map((name) => [name, note(name)]))
      const handler = create({ ...mode.plugin, ...noted, requestStart, beforePrefetch: note('beforePrefetch') })
      const [authBefore, authAfter]: Hook[] = [note('before'), note('after')]
      Object.defineProperty(authBefore, 'name', { value: 'authBefore' })
      Object.defineProperty(authAfter, 'name', { value: 'authAfter' })
      handler.use({ before: authBefore as Hook, after: authAfter as Hook }).handler(() => {
        note('handler')()
        return mode.answers.ours
      })
      expect(calls).toEqual([['beforePrefetch']])

      await mode.invoke(handler, contextFor(60_000))

      expect(calls).toEqual([
        ['beforePrefetch'],
        ['requestStart', 'request'],
        ['beforeMiddleware', 'authBefore'],
        ['before', 'request'],
        ['afterMiddleware', 'authBefore'],
        ['beforeHandler'],
        ['handler'],
        ['afterHandler'],
        ['beforeMiddleware', 'authAfter'],
        ['after', 'request'],
        ['afterMiddleware', 'authAfter'],
        ['requestEnd', 'request'],
      ])
    })

    test('uses the middlewares and the handler that are registered after the first request', async () => {
      const calls: string[] = []
      const note = (name: string) => () => {
        calls.push(name)
      }
      const handler = create(mode.plugin).handler(note('first handler'))
      await mode.invoke(handler, contextFor(60_000))

      handler.before(note('before')).after(note('after')).handler(note('second handler'))
      await mode.invoke(handler, contextFor(60_000))

      expect(calls).toEqual(['first handler', 'before', 'second handler', 'after'])
    })

    test('adds no enumerable key to the request and no key to request.internal', async () => {
      const keys: unknown[] = []
      const look: Hook = (request) => {
        const inherited: string[] = []
        for (const key in request) inherited.push(key)
        keys.push(inherited, Reflect.ownKeys(request.internal), Object.getPrototypeOf(request.internal))
      }
      const handler = create({ ...mode.plugin, internal: { seeded: 1 } })
      handler.before(look).after(look)

      await mode.invoke(handler, contextFor(60_000))

      const own = ['event', 'context', 'response', 'error', 'internal']
      expect(keys).toEqual([own, ['seeded'], null, own, ['seeded'], null])
    })

    test("keeps the caller's AsyncLocalStorage, within the request and after it", async () => {
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      const look = async (): Promise<void> => {
        seen.push(storage.getStore())
        await null
        seen.push(storage.getStore())
      }
      const handler = create(mode.plugin)
        .before(look)
        .after(look)
        .handler(async () => {
          await look()
          return mode.answers.ours
        })

      await storage.run('of the caller', async () => {
        const running = mode.invoke(handler, contextFor(60_000))
        expect(storage.getStore()).toBe('of the caller')
        await running
        expect(storage.getStore()).toBe('of the caller')
      })

      expect(seen).toEqual(Array.from({ length: 6 }, () => 'of the caller'))
      expect(storage.getStore()).toBeUndefined()
    })

    test('gives each request a request.internal of its own', async () => {
      const internals: unknown[] = []
      const internal = { seeded: 1 }
      const handler = create({ ...mode.plugin, internal }).before((request) => {
        request.internal['own'] = internals.push(request.internal)
      })

      await mode.invoke(handler, contextFor(60_000))
      await mode.invoke(handler, contextFor(60_000))

      expect(internals).toEqual([
        { seeded: 1, own: 1 },
        { seeded: 1, own: 2 },
      ])
      expect(internal).toEqual({ seeded: 1 })
    })
  })

  test('has run a synchronous middleware, handler and after when the call returns', async () => {
    const calls: string[] = []
    const note = (name: string) => () => {
      calls.push(name)
    }
    const handler = create().before(note('before')).after(note('after')).handler(note('handler'))

    const running = handler({}, {})
    expect(calls).toEqual(['before', 'handler', 'after'])

    await running
  })

  test.each([undefined, null, 0, '', false])('answers %p when the handler does', async (answer) => {
    expect(await create().handler(() => answer)({}, {})).toBe(answer)
    expect(await create().handler(async () => answer)({}, {})).toBe(answer)
  })

  test.each([null, 0, '', false])('takes %p from a before for an answer', async (answer) => {
    const handler = create()
      .before(() => answer)
      .handler(() => 'unreached')

    expect(await handler({}, {})).toBe(answer)
  })

  test('answers undefined when a before sets request.earlyResponse to it', async () => {
    const handler = create()
      .before((request) => {
        request.earlyResponse = undefined
      })
      .handler(() => 'unreached')

    expect(await handler({}, {})).toBeUndefined()
  })

  test('gives the after hooks a thenable result as it is', async () => {
    const result = thenable('answer')
    const seen: unknown[] = []
    const handler = create()
      .after((request) => {
        seen.push(request.response)
      })
      .handler(() => result)

    expect(await handler({}, contextFor(60_000))).toBe('answer')
    expect(seen[0]).toBe(result)
  })

  test('has no `this` in the handler', async () => {
    let seen: unknown = 'not called'
    const handler = create().handler(function (this: unknown) {
      seen = this
    })

    await handler({}, {})

    expect(seen).toBeUndefined()
  })
})
