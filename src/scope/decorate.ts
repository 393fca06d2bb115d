import { executionModeStandard } from '@middy/core/Standard'
import { exposeSignal } from './context-signal.ts'
import { enter, storage } from './current.ts'
import type { EarlyTimeout } from './handler-run.ts'
import type { ReleasePolicy } from './release-stack.ts'
import { type RequestLike, RequestScope } from './request-scope.ts'
import { findResponseStream, guardResponseStream } from './response-stream.ts'
import { isThenable } from './thenable.ts'

type AnyFunction = (...args: never[]) => unknown

interface Core {
  readonly middyRequest: (event?: unknown, context?: unknown) => RequestLike
  readonly runRequest: (request: RequestLike, ...rest: unknown[]) => Promise<unknown>
}

interface Plugin extends EarlyTimeout {
  readonly timeoutEarly: boolean
  requestStart(request: RequestLike): unknown
  requestEnd(request: RequestLike): unknown
}

type Entry = ((...args: unknown[]) => unknown) & { handler?: (replacement: unknown) => unknown }

/**
 * A Middy execution mode as it is called; Middy 7.9 types it as `() => void`.
 *
 * {@link https://github.com/middyjs/middy/blob/main/packages/core/index.js | Source}
 */
export type ExecutionMode = (
  core: Core,
  befores: unknown,
  handler: unknown,
  afters: unknown,
  onErrors: unknown,
  plugin: Plugin,
) => Entry

const streamingMark = Symbol.for('aws.lambda.runtime.handler.streaming')

/** Runs every invocation of `mode` within a scope that closes after all that Middy does, whatever comes of it. */
export const decorate = (mode: ExecutionMode, policy: ReleasePolicy): ExecutionMode => {
  const standard = (mode as unknown) === executionModeStandard
  const decorated: ExecutionMode = (core, befores, handler, afters, onErrors, plugin) => {
    const known = standard ? withScope(core) : withProgress(withScope(core))
    const given = standard ? standardPlugin(plugin) : plugin
    const early = standard && plugin.timeoutEarly ? given : undefined
    const wrap = (called: unknown): unknown => wrapHandler(called, standard, early)
    const base = mode(known, befores, wrap(handler), afters, onErrors, given)
    const streaming = streamingMark in base
    const entry: Entry = (...args) => {
      const scope = new RequestScope(policy, storage.getStore())
      const stream = streaming ? findResponseStream(args) : undefined
      if (stream === undefined) return enter(scope, invoke, scope, base, args)
      const brokenOff = guardResponseStream(scope, stream)
      return Promise.race([enter(scope, invoke, scope, base, args), brokenOff])
    }
    for (const key of Reflect.ownKeys(base))
      if (key !== 'length' && key !== 'prototype')
        Object.defineProperty(entry, key, Object.getOwnPropertyDescriptor(base, key) as PropertyDescriptor)
    if (typeof base.handler === 'function')
      entry.handler = (replacement) => {
        base.handler?.(wrap(replacement))
        return entry
      }
    return entry
  }
  return decorated
}

/** Makes the request known to its scope. */
const withScope = (core: Core): Core => ({
  ...core,
  middyRequest: (event, context) => {
    const request = core.middyRequest(event, context)
    const scope = storage.getStore()
    if (scope !== undefined) {
      scope.begin(request)
      exposeSignal(request.context)
    }
    return request
  },
})

/** Makes known how far Middy is: a durable execution may end while a request is still at work. */
const withProgress = (core: Core): Core => ({
  ...core,
  runRequest: (request, ...rest) => {
    const running = core.runRequest(request, ...rest)
    storage.getStore()?.process(running)
    return running
  },
})

const wrapHandler = (handler: unknown, standard: boolean, early: EarlyTimeout | undefined): unknown => {
  if (typeof handler !== 'function') return handler
  const call = handler as (...args: unknown[]) => unknown
  return (event: unknown, context: unknown, options: unknown, ...rest: unknown[]) => {
    const scope = storage.getStore()
    if (scope === undefined) return call(event, context, options, ...rest)
    const given = withScopeSignal(scope, options, standard)
    return scope.handle(context, () => call(event, context, given, ...rest), early)
  }
}

/** The handler's third argument, with the scope's signal in place of Middy's, which aborts in other modes alone. */
const withScopeSignal = (scope: RequestScope, options: unknown, standard: boolean): unknown => {
  const signal = (options as { signal?: unknown } | undefined)?.signal
  if (!(signal instanceof AbortSignal)) return options
  if (!standard) scope.follow(signal)
  return { ...(options as object), signal: scope.signal }
}

/** Entered synchronously, so that Middy starts in the very turn it would have started in. */
const invoke = (scope: RequestScope, base: AnyFunction, args: unknown[]): unknown => {
  let running: unknown
  try {
    running = base(...(args as never[]))
  } catch (error) {
    scope.end(true)
    throw error
  }
  if (scope.endsByHook) return running
  if (isThenable(running)) return finish(scope, Promise.resolve(running))
  scope.end(false)
  return running
}

/**
 * Has the standard mode end the scope of each request that it has started: a hook costs neither a promise nor a turn.
 * The early timeout is ours, so that it needs no timer of each request.
 */
const standardPlugin = (plugin: Plugin): Plugin => ({
  ...plugin,
  timeoutEarly: false,
  requestStart: (request) => {
    plugin.requestStart(request)
    const scope = storage.getStore()
    if (scope !== undefined) scope.endsByHook = true
  },
  requestEnd: (request) => {
    const scope = storage.getStore()
    const hook = attempt(() => plugin.requestEnd(request))
    if (scope === undefined) return hook
    return hook instanceof Promise ? finish(scope, hook) : scope.end(false)
  },
})

/** What `call` returns, or a rejection with what it throws. */
const attempt = (call: () => unknown): unknown => {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A `finally` that waits only for a scope with something to release: a plain `then` costs less than an async function. */
const finish = (scope: RequestScope, running: Promise<unknown>): Promise<unknown> =>
  running.then(
    (response) => {
      const closing = scope.end(isFailedExecution(response))
      return closing === undefined ? response : closing.then(() => response)
    },
    (error) => {
      const closing = scope.end(true)
      if (closing === undefined) throw error
      return closing.then(() => {
        throw error
      })
    },
  )

/** The durable SDK answers a failure, also one of Middy's hooks, with a status. */
const isFailedExecution = (answer: unknown): boolean =>
  (answer as { Status?: unknown } | null | undefined)?.Status === 'FAILED'
