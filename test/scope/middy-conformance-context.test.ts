import { describe, expect, test } from '@jest/globals'
import { barrier } from 'middy-managed-instances/testing'
import { contextFor, type Fields, factories } from './support/handlers.ts'

class PrivateContext {
  readonly #deadline = performance.now() + 60_000
  readonly awsRequestId = 'request-1'

  constructor() {
    this.getRemainingTimeInMillis = this.getRemainingTimeInMillis.bind(this)
  }

  getRemainingTimeInMillis(): number {
    return this.#deadline - performance.now()
  }
}

const contexts: readonly (readonly [string, () => object])[] = [
  ['a full context', () => contextFor(60_000)],
  ['an empty context', () => ({})],
  ['a frozen context', () => Object.freeze(contextFor(60_000))],
  ['a sealed context', () => Object.seal({ ...contextFor(60_000) })],
  ['a context without a prototype', () => Object.assign(Object.create(null) as object, contextFor(60_000))],
  ['a context of a class with private state', () => new PrivateContext()],
  ['a context with an unwritable signal', () => Object.defineProperty({}, 'signal', { value: 'its own' })],
]

const events: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a frozen object', Object.freeze({ id: 1 })],
  ['an array', [1, 2]],
  ['a string', 'event'],
]

describe.each(factories)('%s', (_name, create) => {
  test.each(contexts)('hands %s to middlewares and handler as it is', async (_, make) => {
    const context = make()
    const seen: unknown[] = []
    const handler = create()
      .before((request) => {
        seen.push(request.context)
      })
      .handler(async (_event, given) => {
        seen.push(given)
        return 'answer'
      })

    expect(await handler({}, context)).toBe('answer')
    expect(seen[0]).toBe(context)
    expect(seen[1]).toBe(context)
  })

  test.each(events)('hands an event that is %s on as it is', async (_, event) => {
    const handler = create().handler(async (given) => [given])

    const [given] = (await handler(event, contextFor(60_000))) as unknown[]

    expect(given).toBe(event)
  })

  test('stands in for an event and a context that are missing', async () => {
    const handler = create().handler(async (event, context) => [event, { ...context }])

    expect(await handler()).toEqual([{}, {}])
  })

  test('shows no key on the context that the caller has not put there', async () => {
    const context: Fields = { ...contextFor(60_000), functionName: 'orders' }
    const keys = Object.keys(context)
    const seen: unknown[] = []
    const handler = create().handler(async (_event, given) => {
      const enumerated: string[] = []
      for (const key in given) enumerated.push(key)
      seen.push(Object.keys(given), enumerated, JSON.stringify(given), Object.keys({ ...given }))
    })

    await handler({}, context)

    expect(seen).toEqual([keys, keys, JSON.stringify(context), keys])
    expect(Object.keys(context)).toEqual(keys)
  })

  test('keeps a signal that the context has of its own or a middleware gives it', async () => {
    const seen: unknown[] = []
    const handler = create()
      .before(({ context }) => {
        if (context['replace']) context['signal'] = 'replaced'
      })
      .handler(async (_event, { signal }) => {
        seen.push(signal)
      })

    await handler({}, { signal: 'of the caller' })
    await handler({}, { replace: true })

    expect(seen).toEqual(['of the caller', 'replaced'])
  })

  test('runs requests that share one context object side by side', async () => {
    const meet = barrier(3)
    const context = contextFor(60_000)
    const handler = create().handler(async (event) => {
      await meet()
      return event
    })
    const events = [{ id: 1 }, { id: 2 }, { id: 3 }]

    expect(await Promise.all(events.map((event) => handler(event, context)))).toEqual(events)
  })
})
