import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import {
  bare,
  contextFor,
  type Fields,
  type Handler,
  type Plugin,
  settle,
  thenable,
  underManaged,
} from './support/handlers.ts'
import { modes } from './support/modes.ts'
import { installAwsLambda, streaming, streamingMark } from './support/streaming.ts'

beforeAll(installAwsLambda)

type Decorate = (config?: Plugin) => Plugin | undefined

/** What is given to `middy()`: a config as it is, or what `managed()` makes of it. */
const configs: readonly (readonly [string, Decorate])[] = [
  ['middy(config)', (config) => config],
  ['middy(managed(config))', managed],
]

const make = (...args: unknown[]): Handler => (middy as unknown as (...args: unknown[]) => Handler)(...args)

const highWaterMark = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

describe.each(configs)('%s', (_name, decorate) => {
  describe.each(modes.map((mode) => [mode.name, mode] as const))('in %s mode', (_mode, mode) => {
    test('has fluent methods that return the handler itself, which takes fewer than three arguments', () => {
      const handler = make(decorate(mode.plugin))
      const hook = (): void => {}

      expect(handler.use({ before: hook })).toBe(handler)
      expect(handler.use([{ after: hook }])).toBe(handler)
      expect(handler.before(hook)).toBe(handler)
      expect(handler.after(hook)).toBe(handler)
      expect(handler.onError(hook)).toBe(handler)
      expect(handler.handler(hook)).toBe(handler)
      if (mode.name !== 'streaming') expect(handler.length).toBeLessThan(3)
    })

    test('takes the handler first and the config second', async () => {
      const handler = make(() => mode.answers.ours, decorate(mode.plugin))

      expect(await settle(mode.invoke(handler, contextFor(60_000)))).toEqual(
        await settle(
          mode.invoke(
            bare(mode.plugin).handler(() => mode.answers.ours),
            contextFor(60_000),
          ),
        ),
      )
    })

    test('leaves a frozen config alone, which may serve several handlers', async () => {
      const starts: string[] = []
      const given = Object.freeze({ ...mode.plugin, requestStart: () => starts.push('start') }) as Plugin
      const config = Object.freeze(decorate(given)) as Plugin
      const handlers = [1, 2].map((id) => make(config).handler(() => `answer ${id}`))

      const answers = []
      for (const handler of handlers) answers.push(JSON.stringify(await mode.invoke(handler, contextFor(60_000))))

      expect(answers[0]).toContain('answer 1')
      expect(answers[1]).toContain('answer 2')
      expect(starts).toHaveLength(2)
    })
  })

  test('keeps the mark of a streaming handler', () => {
    expect(Reflect.get(make(decorate(streaming)), streamingMark)).toBe('response')
    expect(streamingMark in make(decorate())).toBe(false)
  })

  test("keeps a mode's own marks, and passes on every argument that the runtime gives", async () => {
    const executionMode = ({ middyRequest, runRequest }: Core, ...rest: unknown[]) => {
      const entry = async (event: unknown, _stream: unknown, context: unknown, ...more: unknown[]) => [
        await runRequest(middyRequest(event, context), ...rest),
        more,
      ]
      return Object.assign(entry, { [streamingMark]: 'response', [highWaterMark]: 1024, own: 'mark' })
    }
    const handler = make((event: Fields) => event, decorate({ executionMode } as unknown as Plugin))
    const event = { id: 1 }

    const [answer, more] = (await handler(event, undefined, contextFor(60_000), 'fourth', 'fifth')) as unknown[]

    expect(answer).toBe(event)
    expect(more).toEqual(['fourth', 'fifth'])
    expect(Reflect.get(handler, streamingMark)).toBe('response')
    expect(Reflect.get(handler, highWaterMark)).toBe(1024)
    expect(handler).toHaveProperty('own', 'mark')
    expect(handler).not.toHaveProperty('handler')
  })

  test("answers synchronously where a user's own mode does", () => {
    const executionMode = () => (event: unknown) => [event]

    expect(make(decorate({ executionMode } as unknown as Plugin))('event')).toEqual(['event'])
  })

  test("passes on what a user's own mode resolves to by a thenable of its own", async () => {
    const executionMode = () => () => thenable('answer')

    expect(await make(decorate({ executionMode } as unknown as Plugin))('event')).toBe('answer')
  })

  test('works with a second copy of @middy/core in the process', async () => {
    jest.resetModules()
    const { default: other } = await import('@middy/core')
    expect(other).not.toBe(middy)
    const handler = other(decorate({ internal: { seeded: 1 } })) as unknown as Handler

    handler.before(({ internal }) => {
      internal['own'] = 2
    })

    expect(await handler.handler(async () => 'answer')({}, contextFor(60_000))).toBe('answer')
  })
})

interface Core {
  readonly middyRequest: (event: unknown, context: unknown) => unknown
  readonly runRequest: (request: unknown, ...rest: unknown[]) => Promise<unknown>
}

test('refuses under managed() the plugin options that Middy declares unknown', () => {
  expect(() => underManaged({ timeoutEarlyMillis: 5 } as Plugin)).toThrow(/timeoutEarlyMillis/)
})

test('takes under managed() an executionMode of undefined for the default', async () => {
  const handler = underManaged({ executionMode: undefined } as unknown as Plugin)

  expect(await handler.handler(() => 'answer')({}, {})).toBe('answer')
})
