import { afterEach, describe, expect, jest, test } from '@jest/globals'
import httpRouter from '@middy/http-router'
import { type Metric, type Scope, scopeOf } from 'middy-managed-instances'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import { bare, type Create, contextFor, type Middleware, underManaged } from './support/handlers.ts'

const metric: Metric = { name: 'Rows', unit: 'Count', value: 3 }

/** Runs `work` with the scope of a request under managed(). */
const within = async (work: (scope: Scope) => unknown): Promise<void> => {
  const handler = underManaged()
    .before((request) => void work(scopeOf(request) as Scope))
    .handler(async () => {})
  await handler({}, contextFor(60_000))
}

afterEach(() => {
  jest.restoreAllMocks()
})

describe('scope.record()', () => {
  test('tells every listener of what is recorded after it has come', async () => {
    const heard: unknown[] = []
    await within((scope) => {
      scope.record(metric)
      scope.onRecord(({ value }) => heard.push(['first', value]))
      scope.record(metric)
      scope.onRecord(({ value }) => heard.push(['second', value]))
      scope.record({ ...metric, value: 4 })
    })
    expect(heard).toEqual([
      ['first', 3],
      ['first', 4],
      ['second', 4],
    ])
  })

  test('does nothing where nobody listens, and the scope says so', async () => {
    const seen: boolean[] = []
    await within((scope) => {
      seen.push(scope.recording, scope.fork('record').recording)
      scope.record(metric)
      scope.fork('record').record(metric)
      scope.onRecord(() => {})
      seen.push(scope.recording, scope.fork('record').fork('part').recording)
    })
    expect(seen).toEqual([false, false, true, true])
  })

  test('reaches from a fork the listeners of the fork, and then those of the scopes around it', async () => {
    const heard: string[] = []
    await within((scope) => {
      const fork = scope.fork('record')
      fork.onRecord(() => heard.push('fork'))
      expect([fork.recording, scope.recording]).toEqual([true, false])
      scope.onRecord(() => heard.push('request'))
      fork.fork('part').record(metric)
      scope.fork('other').record(metric)
      scope.record(metric)
    })
    expect(heard).toEqual(['fork', 'request', 'request', 'request'])
  })

  test('is heard at the end of the request by what was deferred before', async () => {
    const heard: unknown[] = []
    await within((scope) => {
      const total: number[] = []
      scope.onRecord(({ value }) => total.push(value))
      scope.defer('listener', () => heard.push(...total))
      scope.defer('resource', async () => {
        await Promise.resolve()
        scope.record(metric)
      })
      scope.fork('record').defer('resource of a fork', () => scope.record({ ...metric, value: 4 }))
    })
    expect(heard).toEqual([4, 3])
  })

  test('fails neither for a listener that throws, nor the other listeners, and warns of it once', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation((() => {}) as never)
    const heard: number[] = []
    await within((scope) => {
      scope.onRecord(() => {
        throw new RangeError('full')
      })
      scope.onRecord(({ value }) => heard.push(value))
      scope.record(metric)
      scope.record(metric)
    })
    expect(heard).toEqual([3, 3])
    expect(warn.mock.calls).toEqual([
      [
        'scope.onRecord(): a listener threw RangeError: full when it was told of Rows. Catch in the listener what may fail there.',
        'ManagedInstancesWarning',
      ],
    ])
  })
})

/** A middleware of ours that hears what is recorded, and one that records in its release. */
const listening = (heard: number[]): Middleware =>
  contextMiddleware('listening', 'listening', (scope) =>
    scope.onRecord(({ value }) => heard.push(value)),
  ) as unknown as Middleware

const recording = (value: number): Middleware =>
  contextMiddleware('recording', 'recording', (scope) => {
    scope.defer('recording', () => scope.record({ ...metric, value }))
  }) as unknown as Middleware

describe.each<[string, Create]>([
  ['managed()', underManaged],
  ['a plain middy()', bare],
])('a handler of %s within one of managed()', (_name, createInner) => {
  test('records for itself, and for the one around it', async () => {
    const [heardOutside, heardInside]: [number[], number[]] = [[], []]
    const inner = createInner()
      .use(recording(2))
      .handler(async () => ({ statusCode: 200 }))
    const recordingInside: unknown[] = []
    inner.before((request) => {
      recordingInside.push(scopeOf(request)?.recording)
      scopeOf(request)?.onRecord(({ value }) => heardInside.push(value))
    })
    const outer = underManaged().use(listening(heardOutside)).use(recording(1))
    outer.handler(httpRouter([{ method: 'GET', path: '/inner', handler: inner as never }]) as never)

    await outer({ httpMethod: 'GET', path: '/inner' }, contextFor(60_000))

    expect(recordingInside).toEqual([true])
    expect(heardInside).toEqual([2])
    expect(heardOutside).toEqual([2, 1])
  })
})
