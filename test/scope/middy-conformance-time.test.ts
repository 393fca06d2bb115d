import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { contextFor, type Fields, factories, never, settle, turn } from './support/handlers.ts'
import { modes } from './support/modes.ts'
import { installAwsLambda } from './support/streaming.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

beforeAll(installAwsLambda)

afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

describe.each(factories)('%s', (_name, create) => {
  describe('the signal of the handler', () => {
    test.each(modes.map((mode) => [mode.name, mode] as const))(
      'stays silent on a clean end in %s mode',
      async (_, mode) => {
        const signals: AbortSignal[] = []
        const handler = create(mode.plugin).handler(async (_event, _context, options) => {
          expect(Object.keys(options)).toEqual(['signal'])
          signals.push(options.signal)
          return mode.answers.ours
        })

        await mode.invoke(handler, contextFor(60_000))
        await turn()

        expect(signals).toHaveLength(1)
        expect(signals[0]).toBeInstanceOf(AbortSignal)
        expect(signals[0]?.aborted).toBe(false)
      },
    )

    test.each(modes.map((mode) => [mode.name, mode] as const))(
      'aborts at the early timeout, right before its answer is asked for, in %s mode',
      async (_, mode) => {
        const calls: unknown[] = []
        const plugin = {
          ...mode.plugin,
          timeoutEarlyResponse: () => {
            calls.push('response')
            return mode.answers.early
          },
        }
        const handler = create(plugin).handler((_event, _context, { signal }) => {
          signal.addEventListener('abort', () => calls.push(signal.aborted, (signal.reason as Error).name))
          return never()
        })

        await mode.invoke(handler, contextFor(60))

        expect(calls.filter((call) => call !== 'response')).toEqual([true, 'AbortError'])
        expect(calls).toContain('response')
      },
    )

    test('has aborted when the answer of the early timeout is asked for', async () => {
      let signal: AbortSignal | undefined
      const timeoutEarlyResponse = (): unknown => ({ aborted: signal?.aborted })
      const handler = create({ timeoutEarlyResponse }).handler((_event, _context, options) => {
        signal = options.signal
        return never()
      })

      expect(await handler({}, contextFor(60))).toEqual({ aborted: true })
    })

    test('belongs to one request alone', async () => {
      const signals: AbortSignal[] = []
      const handler = create({ timeoutEarlyResponse: () => 'early' }).handler((event, _context, { signal }) => {
        signals.push(signal)
        return event['hang'] ? never() : 'answer'
      })
      const hanging = handler({ hang: true }, contextFor(60))
      const answered = handler({}, contextFor(60_000))

      expect(await Promise.all([hanging, answered])).toEqual(['early', 'answer'])
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    })
  })

  describe('the remaining time', () => {
    test('is never read for a handler that is synchronous', async () => {
      const getRemainingTimeInMillis = jest.fn(() => 60_000)
      const handler = create()
        .before(() => {})
        .handler(() => 'answer')

      expect(await handler({}, { getRemainingTimeInMillis })).toBe('answer')
      expect(getRemainingTimeInMillis).not.toHaveBeenCalled()
    })

    test('is read once for a short handler that is not', async () => {
      const getRemainingTimeInMillis = jest.fn(() => 60_000)
      const handler = create().handler(async () => 'answer')

      expect(await handler({}, { getRemainingTimeInMillis })).toBe('answer')
      expect(getRemainingTimeInMillis).toHaveBeenCalledTimes(1)
    })

    test('is taken from lambdaContext when the context has none', async () => {
      const handler = create({ timeoutEarlyResponse: () => 'early' }).handler(never)

      expect(await handler({}, { lambdaContext: contextFor(60) })).toBe('early')
    })

    test('may be unknown', async () => {
      const handler = create().handler(async (_event, context) => Object.keys(context))

      expect(await handler({}, { functionName: 'orders' })).toEqual(['functionName'])
      expect(await handler({}, { lambdaContext: {} })).toEqual(['lambdaContext'])
    })

    test('may be over already', async () => {
      const handler = create({ timeoutEarlyResponse: () => 'early' }).handler(never)

      expect(await handler({}, contextFor(-10))).toBe('early')
    })
  })

  describe('timers', () => {
    test('are not touched through the globals by a synchronous handler', async () => {
      const set = jest.spyOn(globalThis, 'setTimeout')
      const clear = jest.spyOn(globalThis, 'clearTimeout')

      await create().handler(() => 'answer')({}, contextFor(60_000))

      expect(set).not.toHaveBeenCalled()
      expect(clear).not.toHaveBeenCalled()
    })

    test('are cleared through the global once, by Middy itself, for a handler that is not', async () => {
      const clear = jest.spyOn(globalThis, 'clearTimeout')

      await create().handler(async () => 'answer')({}, contextFor(60_000))

      expect(clear).toHaveBeenCalledTimes(1)
    })

    test('that a test suite fakes hang no request', async () => {
      jest.useFakeTimers()
      const handler = create({ timeoutEarlyResponse: () => 'early' })
      const answering = create().handler(async () => 'answer')

      // Middy clears its own timer through the global one, which is a fake here, so that it stays.
      expect(await answering({}, contextFor(500))).toBe('answer')
      const context: Fields = { getRemainingTimeInMillis: () => 30 }
      expect(await settle(handler.handler(never)({}, context))).toEqual({ answer: 'early' })
    })
  })
})

test.each([
  ['middy()', ''],
  ['middy(managed())', 'managed()'],
])('%s lets the process end while a request hangs that has a deadline', async (_, config) => {
  const script = `
    import middy from '@middy/core'
    import { managed } from 'middy-managed-instances'
    middy(${config})
      .before(() => new Promise(() => {}))({}, { getRemainingTimeInMillis: () => 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log('idle')
  `
  const flags = [
    '--conditions=middy-managed-instances/source',
    '--no-warnings',
    '--input-type=module',
    '--eval',
    script,
  ]

  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root, timeout: 20_000 })

  expect(stdout).toBe('idle\n')
})
