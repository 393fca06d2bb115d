import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  bare,
  contextFor,
  type Fields,
  factories,
  type Handler,
  never,
  settle,
  turn,
  underManaged,
} from './support/handlers.ts'
import { modes } from './support/modes.ts'
import { installAwsLambda } from './support/streaming.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

beforeAll(installAwsLambda)

afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

/** In how many microtasks a request settles. */
const microtasksOf = async (running: Promise<unknown>): Promise<number> => {
  let settled = false
  const done = (): void => {
    settled = true
  }
  running.then(done, done)
  let count = 0
  for (; !settled; count++) await undefined
  return count
}

test.each<[string, (handler: Handler) => Handler]>([
  ['a handler', (handler) => handler.handler(async () => 'answer')],
  ['a synchronous handler', (handler) => handler.handler(() => 'answer')],
  ['a handler that rejects', (handler) => handler.handler(() => Promise.reject(new Error('thrown')))],
  ['an early answer', (handler) => handler.before(() => 'early')],
])('answers in as many microtasks as without managed(), with %s', async (_, build) => {
  const context = contextFor(60_000)
  const expected = await microtasksOf(build(bare())({}, context))

  expect(await microtasksOf(build(underManaged())({}, context))).toBe(expected)
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

    test('is asked of the context that the request began with, unbound', async () => {
      const receivers: unknown[] = []
      const context: Fields = {
        getRemainingTimeInMillis(this: unknown) {
          receivers.push(this)
          return 30
        },
      }
      const handler = create({ timeoutEarlyResponse: () => 'early' }).before((request) => {
        request.context = {}
      })

      expect(await handler.handler(never)({}, context)).toBe('early')
      expect(receivers[0]).toBeUndefined()
    })

    test('that cannot be told is an error of the handler', async () => {
      const failure = new RangeError('no clock')
      const seen: unknown[] = []
      const handler = create().onError(({ error }) => {
        seen.push(error)
      })
      const getRemainingTimeInMillis = (): never => {
        throw failure
      }

      const settled = await settle(handler.handler(async () => 'answer')({}, { getRemainingTimeInMillis }))

      expect(settled).toEqual({ error: failure })
      expect(seen).toEqual([failure])
    })

    test('that is no number is none', async () => {
      const handler = create({ timeoutEarlyResponse: () => 'early' }).handler(never)

      expect(await handler({}, { getRemainingTimeInMillis: () => undefined })).toBe('early')
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

test('one timer serves every handler of a worker that races against its early timeout', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
  const before = timers()
  const handler = underManaged({ timeoutEarlyResponse: () => 'early' }).handler(never)
  const answers = Array.from({ length: 100 }, (_, index) => handler({}, contextFor(100 + (index % 10))))

  expect(timers()).toBeLessThan(before + 50)
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['early']))
})

test('early timeouts come one by one, each in its own time', async () => {
  const order: unknown[] = []
  const start = (milliseconds: number): Promise<unknown> => {
    const timeoutEarlyResponse = (): unknown => order.push(milliseconds)
    return underManaged({ timeoutEarlyResponse }).handler(never)({}, contextFor(milliseconds))
  }

  await Promise.all([start(160), start(60), start(110), start(5)])

  expect(order).toEqual([5, 60, 110, 160])
})

const run = async (script: string): Promise<string> => {
  const flags = [
    '--conditions=middy-managed-instances/source',
    '--no-warnings',
    '--input-type=module',
    '--eval',
    `import middy from '@middy/core'
    import { managed } from 'middy-managed-instances'
    ${script}`,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root, timeout: 20_000 })
  return stdout
}

describe.each([
  ['middy()', ''],
  ['middy(managed())', 'managed()'],
])('%s in a process of its own', (_, config) => {
  test('lets it end while a request hangs that has a deadline', async () => {
    const stdout = await run(`
      middy(${config})
        .before(() => new Promise(() => {}))({}, { getRemainingTimeInMillis: () => 60_000 })
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log('idle')
    `)

    expect(stdout).toBe('idle\n')
  })

  test('lets it end after an answer, long before the deadline', async () => {
    const stdout = await run(`
      const answer = () => new Promise((resolve) => setTimeout(resolve, 50, 'answer'))
      console.log(await middy(${config}).handler(answer)({}, { getRemainingTimeInMillis: () => 60_000 }))
    `)

    expect(stdout).toBe('answer\n')
  })

  test('keeps it alive until a handler that hangs has timed out', async () => {
    const stdout = await run(`
      middy(${config})
        .handler(() => new Promise(() => {}))({}, { getRemainingTimeInMillis: () => 200 })
        .catch((error) => console.log(error.name))
    `)

    expect(stdout).toBe('TimeoutError\n')
  })

  test('times out when a test suite advances the timers it has faked, and in real time once they are real', async () => {
    const stdout = await run(`
      import { syncBuiltinESMExports } from 'node:module'
      import { mock } from 'node:test'
      const start = (remaining) =>
        middy(${config}).handler(() => new Promise(() => {}))({}, { getRemainingTimeInMillis: () => remaining })
          .catch((error) => console.log(remaining, error.name))
      // Step by step: a timer that is set by another is set from where the step ends.
      const advance = (time) => {
        for (let step = 0; step < time; step++) mock.timers.tick(1)
      }
      mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
      syncBuiltinESMExports()
      const first = start(60_000)
      advance(59_900)
      console.log(await Promise.race([first, 'still running']))
      advance(200)
      await first
      const second = start(30_000)
      advance(30_100)
      await second
      start(20_000)
      mock.timers.reset()
      syncBuiltinESMExports()
      await start(100)
      process.exit()
    `)

    expect(stdout.split('\n')).toEqual([
      'still running',
      '60000 TimeoutError',
      '30000 TimeoutError',
      '100 TimeoutError',
      '',
    ])
  })
})
