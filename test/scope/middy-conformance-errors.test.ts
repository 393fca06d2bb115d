import { beforeAll, describe, expect, test } from '@jest/globals'
import { contextFor, factories, type Handler, settle, turn } from './support/handlers.ts'
import { modes, standardMode } from './support/modes.ts'
import { installAwsLambda } from './support/streaming.ts'

beforeAll(installAwsLambda)

const fail = (error: unknown) => (): never => {
  throw error
}

const places: readonly (readonly [string, (handler: Handler, error: unknown) => Handler])[] = [
  ['the handler, synchronously', (handler, error) => handler.handler(fail(error))],
  ['the handler, later', (handler, error) => handler.handler(() => Promise.reject(error))],
  ['a before', (handler, error) => handler.before(fail(error))],
  ['an after', (handler, error) => handler.after(fail(error))],
]

const thrown: readonly (readonly [string, unknown])[] = [
  ['an error', new Error('thrown')],
  ['a frozen error', Object.freeze(new Error('frozen'))],
  ['null', null],
  ['undefined', undefined],
  ['false', false],
  ['zero', 0],
  ['an empty string', ''],
]

const cases = places.flatMap(([place, build]) => thrown.map(([what, error]) => ({ place, build, what, error })))

describe.each(factories)('%s', (_name, create) => {
  describe.each(modes.slice(0, 2).map((mode) => [mode.name, mode] as const))('in %s mode', (_mode, mode) => {
    test.each(cases)('passes on $what thrown by $place as the same value, untouched', async ({ build, error }) => {
      const handler = build(create(mode.plugin), error)

      const settled = await settle(mode.invoke(handler, contextFor(60_000)))

      expect(Object.keys(settled)).toEqual(['error'])
      expect('error' in settled && Object.is(settled.error, error)).toBe(true)
      if (error instanceof Error) expect(Object.getOwnPropertyNames(error).sort()).toEqual(['message', 'stack'])
    })

    test('gives the onError hooks the thrown error, the last registered first', async () => {
      const error = new Error('thrown')
      const seen: unknown[] = []
      const handler = create(mode.plugin)
        .onError((request) => {
          seen.push('first', request.error)
        })
        .onError((request) => {
          seen.push('second', request.error)
        })
        .handler(fail(error))

      await settle(mode.invoke(handler, contextFor(60_000)))

      expect(seen).toEqual(['second', error, 'first', error])
      expect(seen[1]).toBe(error)
    })

    test('chains the error of an onError hook to the first one', async () => {
      const [first, second] = [new Error('first'), new Error('second')]
      const handler = create(mode.plugin).onError(fail(second)).handler(fail(first))

      const settled = await settle(mode.invoke(handler, contextFor(60_000)))

      expect('error' in settled && settled.error).toBe(second)
      expect(second.cause).toBe(first)
      expect(second).toHaveProperty('originalError', first)
      expect(first.cause).toBeUndefined()
    })

    test('rejects, and throws nothing synchronously, when the requestStart hook throws', async () => {
      const error = new Error('requestStart')
      const handler = create({ ...mode.plugin, requestStart: fail(error) })

      const running = mode.invoke(handler, contextFor(60_000))

      await expect(running).rejects.toBe(error)
    })

    test('rejects with the error of the requestEnd hook when nothing else has failed', async () => {
      const error = new Error('requestEnd')
      const handler = create({ ...mode.plugin, requestEnd: () => Promise.reject(error) }).handler(async () => 'answer')

      const settled = await settle(mode.invoke(handler, contextFor(60_000)))

      expect('error' in settled && settled.error).toBe(error)
      expect(error.cause).toBeUndefined()
    })
  })

  test('keeps the error of the handler when the requestEnd hook throws too', async () => {
    const [handlerError, hookError] = [new Error('handler'), new Error('requestEnd')]
    const handler = create({ requestEnd: fail(hookError) }).handler(fail(handlerError))

    const settled = await settle(handler({}, contextFor(60_000)))

    expect('error' in settled && settled.error).toBe(handlerError)
    expect(handlerError.cause).toBe(hookError)
  })

  test.each([null, false, 0, ''])('takes %p from an onError hook for an answer', async (answer) => {
    const handler = create()
      .onError(() => answer)
      .handler(fail(new Error('thrown')))

    expect(await settle(handler({}, contextFor(60_000)))).toEqual({ answer })
  })

  test('raises no unhandledRejection when a handler rejects after the early timeout', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => {
      unhandled.push(reason)
    }
    process.on('unhandledRejection', note)
    try {
      const zombie = Promise.withResolvers<never>()
      const handler = create({ timeoutEarlyResponse: () => 'early' }).handler(() => zombie.promise)

      expect(await standardMode.invoke(handler, contextFor(30))).toBe('early')
      zombie.reject(new Error('too late'))
      await turn()

      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})
