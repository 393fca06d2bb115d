import { Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { scopeOf } from 'middy-managed-instances'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import { type Ending, endings, handlerError } from './support/endings.ts'
import { bare, contextFor, type Fields, type Middleware, never, type Settled, settle } from './support/handlers.ts'
import { type Mode, modes, streamingMode } from './support/modes.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda, invokeStreaming } from './support/streaming.ts'

beforeAll(installAwsLambda)

/** One of our middlewares, whose resource is the probe. */
const oursFor = (probe: Probe, key = 'probe'): Middleware =>
  contextMiddleware(key, key, (scope) => {
    probe.scope = scope
    scope.defer(key, probe.release)
    return probe
  }) as unknown as Middleware

const run = (mode: Mode, ending: Ending, ours: Middleware): Promise<Settled> => {
  const handler = bare({ ...mode.plugin, ...ending.plugin?.(mode.answers) })
  return settle(mode.invoke(ending.build(handler, ours, mode.answers), contextFor(150)))
}

const thrown = (settled: Settled): unknown => ('error' in settled ? settled.error : undefined)

describe.each(modes.map((mode) => [mode.name, mode] as const))('on a plain middy() in %s mode', (_name, mode) => {
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'releases once, at the latest at the deadline, and answers as without it when %s',
    async (_, ending) => {
      const expected = await run(mode, ending, new Probe().middleware)
      const probe = new Probe()

      const actual = await run(mode, ending, oursFor(probe))
      if (!ending.beforeOurs) await probe.released

      expect(actual).toStrictEqual(expected)
      if (!ending.timesOut) expect(thrown(actual)).toBe(thrown(expected))
      expect(probe.endings).toHaveLength(ending.beforeOurs ? 0 : 1)
    },
  )
})

describe('on a plain middy()', () => {
  test('holds an outer resource in the after of a middleware between two of ours', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const held: Fields = {}
    const handler = bare()
      .use(oursFor(outer, 'outer'))
      .after(({ context }) => {
        Object.assign(held, { outer: outer.endings.length, inner: inner.endings.length, context: context['outer'] })
      })
      .use(oursFor(inner, 'inner'))
      .handler(async () => 'answer')

    expect(await handler({}, contextFor(60_000))).toBe('answer')

    expect(held).toEqual({ outer: 0, inner: 1, context: outer })
    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
  })

  test('holds an outer resource in the onError of a middleware between two of ours', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const held: number[] = []
    const handler = bare()
      .use(oursFor(outer, 'outer'))
      .onError(() => {
        held.push(outer.endings.length, inner.endings.length)
      })
      .use(oursFor(inner, 'inner'))
      .handler(() => Promise.reject(handlerError))

    expect(await settle(handler({}, contextFor(60_000)))).toEqual({ error: handlerError })

    expect(held).toEqual([0, 1])
    expect([outer.endings.length, inner.endings.length]).toEqual([1, 1])
  })

  test.each([
    ['before', (hook: () => Promise<never>) => ({ before: hook })],
    ['after', (hook: () => Promise<never>) => ({ after: hook })],
  ] as const)('releases once at the deadline when a later %s hangs', async (_, hanging) => {
    const probe = new Probe()
    const handler = bare()
      .use(oursFor(probe))
      .use(hanging(never))
      .handler(async () => 'answer')

    settle(handler({}, contextFor(100)))

    expect(await probe.released).toMatchObject({ outcome: 'timedOut' })
    expect(probe.scope?.signal.aborted).toBe(true)
    expect(probe.endings).toHaveLength(1)
  })

  test('keeps the resource of a streamed answer until the body has been sent', async () => {
    const probe = new Probe()
    const body = new Readable({ read() {} })
    const handler = bare(streamingMode.plugin).use(oursFor(probe))
    handler.handler(async () => body)

    const running = invokeStreaming(handler, {}, contextFor(60_000))
    body.push('first half, ')
    await new Promise((resolve) => body.once('data', resolve))
    expect(probe.endings).toEqual([])
    body.push('second half')
    body.push(null)

    expect(await running).toBe('first half, second half')
    await probe.released
    expect(probe.endings).toHaveLength(1)
  })

  test('releases once when the body of a streamed answer fails', async () => {
    const probe = new Probe()
    const body = new Readable({ read() {} })
    const handler = bare(streamingMode.plugin).use(oursFor(probe))
    handler.handler(async () => body)

    const running = settle(invokeStreaming(handler, {}, contextFor(60_000)))
    body.destroy(handlerError)

    expect(await running).toEqual({ error: handlerError })
    await probe.released
    expect(probe.endings).toHaveLength(1)
  })

  test('closes the scope with the last of our middlewares', async () => {
    const [outer, inner] = [new Probe(), new Probe()]
    const handler = bare().use([oursFor(outer, 'outer'), oursFor(inner, 'inner')])
    const open: unknown[] = []
    handler.before((request) => {
      outer.request = request
    })
    handler.handler(async () => {
      open.push(scopeOf(outer.request as object as never))
      return 'answer'
    })

    await handler({}, contextFor(60_000))

    expect(open).toEqual([expect.anything()])
    expect(scopeOf(outer.request as object as never)).toBeUndefined()
  })
})
