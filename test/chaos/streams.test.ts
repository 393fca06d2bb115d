import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, jest, test } from '@jest/globals'
import type { InvocationResult, LocalRuntime } from 'middy-managed-instances/local'
import { ownTmp, start, until, workspacesIn } from './fixtures/environment.ts'

jest.setTimeout(60_000)

interface Scenario {
  readonly event: Readonly<Record<string, unknown>>
  readonly timeout?: number
  readonly leaves?: boolean
  readonly ends: object
  /** Whether the worker of a plain middy() dies of it, with every request it has. */
  readonly deadly: boolean
}

const workspace = 50_000
const scenarios: Record<string, Scenario> = {
  'whose client leaves': {
    event: { kind: 'endless', workspace },
    leaves: true,
    ends: { status: 'function-error', error: { errorType: 'Client.Disconnected' } },
    deadly: false,
  },
  'whose connection is broken by the platform': {
    event: { kind: 'endless', workspace, reset: 50 },
    ends: { status: 'function-error', error: { errorType: 'Runtime.TruncatedResponse' } },
    deadly: true,
  },
  'whose deadline passes while it writes': {
    event: { kind: 'endless', workspace },
    timeout: 250,
    ends: { status: 'timeout' },
    deadly: false,
  },
  'with HTTP metadata whose deadline passes while it writes': {
    event: { kind: 'http', workspace },
    timeout: 250,
    ends: { status: 'timeout' },
    deadly: false,
  },
  'whose body fails while it writes': {
    event: { kind: 'failing', chunks: 3, workspace },
    ends: { status: 'function-error', error: { errorType: 'RangeError', errorMessage: 'out of ink' } },
    deadly: true,
  },
  'whose body fails before its first byte': {
    event: { kind: 'failing', chunks: 0, workspace },
    ends: { status: 'function-error', error: { errorType: 'RangeError', errorMessage: 'out of ink' } },
    deadly: true,
  },
  'that throws': {
    event: { kind: 'throws', workspace },
    ends: { status: 'function-error', error: { errorType: 'RangeError', errorMessage: 'thrown' } },
    deadly: false,
  },
}

const play = async (runtime: LocalRuntime, { event, timeout, leaves }: Scenario): Promise<InvocationResult> => {
  const { body, result } = await runtime.invokeStream(event, timeout === undefined ? {} : { timeout })
  body.on('error', () => {})
  body.on('data', () => {
    if (leaves === true) body.destroy()
  })
  return result
}

const handlerOf = (name: string): string => `test/chaos/fixtures/streams.${name}`

describe('a streamed answer under managed()', () => {
  test.each(Object.entries(scenarios))(
    '%s leaves its worker alive, the next answer whole and no workspace',
    async (_, scenario) => {
      const tmp = ownTmp()
      const runtime = await start(tmp, { handler: handlerOf('guarded'), workers: 1 })
      expect(await play(runtime, scenario)).toMatchObject(scenario.ends)
      // A dead worker is known a moment after what killed it.
      await wait(400)
      expect(runtime.stats().workers).toMatchObject([{ alive: true }])
      const next = await Promise.all([
        runtime.invoke({ kind: 'text' }, { timeout: 3_000 }),
        runtime.invoke({ kind: 'file', workspace: 70_000 }, { timeout: 3_000 }),
      ])
      expect(next).toMatchObject([{ status: 'ok' }, { status: 'ok' }])
      expect(next.map((result) => result.status === 'ok' && result.body.length)).toEqual([4, 70_000])
      await until(() => workspacesIn(tmp).length === 0)
    },
  )

  test.each(['hangs', 'stuck'])(
    'that never begins (%s) frees the connection of its worker at the deadline',
    async (kind) => {
      const tmp = ownTmp()
      const runtime = await start(tmp, { handler: handlerOf('guarded'), workers: 1 })
      await runtime.invoke({ kind, workspace }, { timeout: 300 })
      await expect(runtime.invoke({ kind: 'text' }, { timeout: 3_000 })).resolves.toMatchObject({ status: 'ok' })
      expect(runtime.stats().workers).toMatchObject([{ alive: true }])
      await until(() => workspacesIn(tmp).length === 0)
    },
  )

  test('does no harm to others in its worker, whatever becomes of it', async () => {
    const tmp = ownTmp()
    const runtime = await start(tmp, { handler: handlerOf('guarded'), workers: 1 })
    const all = Object.values(scenarios).filter(({ event }) => event['reset'] === undefined)
    const troubled = [...all, ...all].map((scenario) => play(runtime, { timeout: 2_500, ...scenario }))
    const files = Array.from({ length: 8 }, () =>
      runtime.invoke({ kind: 'file', workspace: 40_000 }, { timeout: 20_000 }),
    )
    for (const result of await Promise.all(files)) {
      expect(result).toMatchObject({ status: 'ok' })
      expect(result.status === 'ok' && result.body.length).toBe(40_000)
    }
    await Promise.all(troubled)
    expect(runtime.stats()).toMatchObject({ unanswered: 0, workers: [{ alive: true }] })
    await until(() => workspacesIn(tmp).length === 0)
  })
})

// What the runtime client does of itself, and the reason to take managed() for a handler that streams.
describe('a streamed answer on a plain middy()', () => {
  test.each(Object.entries(scenarios).filter(([, { deadly }]) => deadly))('%s ends its worker', async (_, scenario) => {
    const runtime = await start(ownTmp(), { handler: handlerOf('plain'), workers: 1 })
    expect(await play(runtime, scenario)).toMatchObject({ status: 'unanswered' })
    expect(runtime.stats().workers).toMatchObject([{ alive: false }])
  })

  test.each(Object.entries(scenarios).filter(([, { deadly }]) => !deadly))(
    '%s leaves its worker alive, and no workspace once its deadline has passed',
    async (_, scenario) => {
      const tmp = ownTmp()
      const runtime = await start(tmp, { handler: handlerOf('plain'), workers: 1 })
      expect(await play(runtime, { timeout: 1_000, ...scenario })).toMatchObject(scenario.ends)
      await until(() => workspacesIn(tmp).length === 0)
      expect(runtime.stats().workers).toMatchObject([{ alive: true }])
    },
  )
})
