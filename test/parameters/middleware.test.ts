import { randomUUID } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { ContextKeyError, managed } from 'middy-managed-instances'
import { loader, ParameterTimeoutError, parameters, type Source } from 'middy-managed-instances/parameters'
import { barrier, expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { failureOf } from './fixtures/failure.ts'
import { ownSource } from './fixtures/origin.ts'

type Setup = [string, () => middy.PluginObject | undefined]
const setups: Setup[] = [
  ['managed()', () => managed()],
  ['a plain middy()', () => undefined],
]

const never = (): Promise<never> => new Promise(() => {})

describe.each(setups)('under %s', (_name, config) => {
  test('the values are on the context, frozen, the same object for all while they are kept', async () => {
    const { source } = ownSource()
    const handler = middy<unknown, object>(config())
      .use(parameters({ values: { source, other: loader(randomUUID(), async () => 2) } }))
      .handler(async (_event, { parameters }) => parameters)
    const first = await invoke(handler, {})
    expect(first).toEqual({ source: 'first', other: 2 })
    expect(await invoke(handler, {})).toBe(first)
  })

  test('another contextKey is where they are', async () => {
    const handler = middy(config())
      .use(parameters({ values: { one: ownSource().source } }))
      .use(parameters({ values: { two: ownSource().source }, contextKey: 'settings' }))
      .handler(async (_event, { parameters, settings }) => [parameters, settings])
    await expect(invoke(handler, {})).resolves.toEqual([{ one: 'first' }, { two: 'first' }])
  })

  test('64 overlapping requests have their own tenant each', async () => {
    const meet = barrier(64)
    const handler = middy<number, unknown>(config())
      .use(
        parameters({
          values: (request: { event: number }) => ({ own: loader(`own/${request.event}`, () => request.event) }),
        }),
      )
      .handler(async (_event, { parameters }) => {
        await meet()
        return parameters.own
      })
    const results = await invokeConcurrently(
      handler,
      Array.from({ length: 64 }, (_, event) => event),
    )
    expect(results).toEqual(results.map((_, value) => ({ status: 'fulfilled', value })))
  })

  test('a request waits no longer than to its own deadline, and the fetch goes on and serves the next', async () => {
    const answer = Promise.withResolvers<string>()
    let calls = 0
    const name = randomUUID()
    const source = loader(name, () => {
      calls++
      return answer.promise
    })
    const handler = middy<unknown, unknown>(config())
      .use(parameters({ values: { source } }))
      .handler(async (_event, { parameters }) => parameters.source)
    // Middy's own timeout, which comes 5 ms before the deadline, would be another error.
    const error = await failureOf(() => invoke(handler, {}, { timeout: 200 }))
    expect(error).toBeInstanceOf(ParameterTimeoutError)
    expect(error).toMatchObject({
      code: 'PARAMETER_TIMEOUT',
      retryable: true,
      data: { sources: [`loader("${name}")`] },
    })
    expect(error.message).toContain("not fetched before the request's deadline. The fetch goes on.")
    const next = invoke(handler, {})
    await new Promise(setImmediate)
    answer.resolve('late')
    expect(await next).toBe('late')
    expect(calls).toBe(1)
    await expectNoLeaks()
  })

  test('prefetch asks when the factory is called, and the first request does not wait', async () => {
    const { origin, source } = ownSource()
    const handler = middy<unknown, unknown>(config())
      .use(parameters({ values: { source }, prefetch: true }))
      .handler(async (_event, { parameters }) => parameters.source)
    while (source.peek() === undefined) await new Promise(setImmediate)
    expect(await invoke(handler, {})).toBe('first')
    expect(origin.calls).toBe(1)
  })

  test('without prefetch nothing is asked for until a request comes', async () => {
    const { origin, source } = ownSource()
    parameters({ values: { source } })
    await new Promise(setImmediate)
    expect(origin.calls).toBe(0)
  })

  test('a prefetch that fails rejects nothing, and the request says why', async () => {
    const { origin, source } = ownSource()
    origin.error = new Error('down')
    const foreign: Source<string> = {
      get: async () => Promise.reject(new Error('foreign')),
      peek: () => undefined,
      refresh: never,
    }
    parameters({ values: { source, foreign }, prefetch: true, contextKey: 'other' })
    await new Promise(setImmediate)
    const handler = middy(config())
      .use(parameters({ values: { source } }))
      .handler(async () => 'done')
    expect(await failureOf(() => invoke(handler, {}))).toMatchObject({ code: 'PARAMETER_FETCH' })
  })

  test('an object of somebody else that is a source is asked by every request, with its signal', async () => {
    let asked = 0
    const foreign: Source<number> = { get: async () => ++asked, peek: () => asked, refresh: async () => ++asked }
    const { source } = ownSource()
    const handler = middy<unknown, unknown>(config())
      .use(parameters({ values: { foreign, source } }))
      .handler(async (_event, { parameters }) => parameters)
    await expect(invoke(handler, {})).resolves.toEqual({ foreign: 1, source: 'first' })
    await expect(invoke(handler, {})).resolves.toEqual({ foreign: 2, source: 'first' })
  })

  test("a foreign source that never answers ends with the request's time", async () => {
    const foreign: Source<number> = { get: never, peek: () => undefined, refresh: never }
    const handler = middy<unknown, unknown>(config())
      .use(parameters({ values: { foreign } }))
      .handler(async (_event, { parameters }) => parameters)
    const error = await failureOf(() => invoke(handler, {}, { timeout: 200 }))
    expect(error).toMatchObject({ code: 'PARAMETER_TIMEOUT', data: { sources: ['values.foreign'] } })
  })

  test('a failing source fails the request in its before, so that the handler does not run', async () => {
    const { origin, source } = ownSource()
    origin.error = new Error('down')
    let ran = false
    const handler = middy(config())
      .use(parameters({ values: { source } }))
      .handler(async () => {
        ran = true
      })
    expect(await failureOf(() => invoke(handler, {}))).toMatchObject({ code: 'PARAMETER_FETCH' })
    expect(ran).toBe(false)
  })

  test('context.signal is there', async () => {
    const handler = middy<unknown, boolean>(config())
      .use(parameters({ values: { source: ownSource().source } }))
      .handler(async (_event, context) => {
        expect(Object.keys(context)).not.toContain('signal')
        expect(context.signal).toBe(context.signal)
        return context.signal.aborted
      })
    await expect(invoke(handler, {})).resolves.toBe(false)
  })
})

test('two under one key are an error under managed()', async () => {
  const handler = middy(managed())
    .use(parameters({ values: {} }))
    .use(parameters({ values: {} }))
    .handler(async () => 'done')
  const error = await failureOf(() => invoke(handler, {}))
  expect(error).toBeInstanceOf(ContextKeyError)
  expect(error).toMatchObject({ data: { middleware: 'parameters', contextKey: 'parameters' } })
})

test('on a plain middy() context.signal aborts at the deadline', async () => {
  const handler = middy<unknown, boolean>({ timeoutEarlyInMillis: 0 })
    .use(parameters({ values: {} }))
    .handler(async (_event, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return signal.aborted
    })
  await expect(invoke(handler, {}, { timeout: 40 })).resolves.toBe(true)
})

describe('a wait', () => {
  test('ends when its own signal aborts, and the fetch goes on', async () => {
    const answer = Promise.withResolvers<string>()
    const source = loader(randomUUID(), () => answer.promise)
    const controller = new AbortController()
    const waiting = source.get({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await failureOf(() => waiting)).toBe(reason)
    expect(await failureOf(() => source.refresh({ signal: controller.signal }))).toBe(reason)
    answer.resolve('x')
    expect(await source.get()).toBe('x')
  })

  test('does not begin with a signal that has aborted, though what is kept is served', async () => {
    const { source } = ownSource()
    const signal = AbortSignal.abort(new Error('enough'))
    expect((await failureOf(() => source.get({ signal }))).message).toBe('enough')
    await source.get()
    expect(await source.get({ signal })).toBe('first')
  })

  test('leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    for (let time = 0; time < 20; time++) await ownSource().source.get({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
