import { executionModeStandard } from '@middy/core/Standard'
import { exposeSignal } from './context-signal.ts'
import { enter, storage } from './current.ts'
import type { ReleasePolicy } from './release-stack.ts'
import { openScopes, type RequestLike, RequestScope } from './request-scope.ts'
import { findResponseStream, guardResponseStream } from './response-stream.ts'

type AnyFunction = (...args: never[]) => unknown

interface Core {
  readonly middyRequest: (event?: unknown, context?: unknown) => RequestLike
  readonly runRequest: (request: RequestLike, ...rest: unknown[]) => Promise<unknown>
}

interface Plugin {
  timeoutEarlyResponse?: () => unknown
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

/** Runs every invocation of `mode` within a scope that closes in a `finally` around all that Middy does. */
export const decorate = (mode: ExecutionMode, policy: ReleasePolicy): ExecutionMode => {
  const awaited = (mode as unknown) === executionModeStandard
  const decorated: ExecutionMode = (core, befores, handler, afters, onErrors, plugin) => {
    const known = awaited ? withScope(core) : withProgress(withScope(core))
    const base = mode(known, befores, wrapHandler(handler), afters, onErrors, withEarlyTimeout(plugin))
    const streaming = streamingMark in base
    const entry: Entry = (...args) => {
      const scope = new RequestScope(policy, storage.getStore(), awaited)
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
        base.handler?.(wrapHandler(replacement))
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
      scope.request = request
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

/** Tells the scopes of Middy's early timeout, which aborts its own signal and at once asks for the response. */
const withEarlyTimeout = (plugin: Plugin): Plugin => {
  const { timeoutEarlyResponse } = plugin
  if (typeof timeoutEarlyResponse === 'function')
    plugin.timeoutEarlyResponse = () => {
      for (const scope of openScopes.all()) scope.followEarlyTimeout()
      return timeoutEarlyResponse.call(plugin)
    }
  return plugin
}

const wrapHandler = (handler: unknown): unknown => {
  if (typeof handler !== 'function') return handler
  const call = handler as (...args: unknown[]) => unknown
  return (event: unknown, context: unknown, options: unknown, ...rest: unknown[]) => {
    const scope = storage.getStore()
    if (scope === undefined) return call(event, context, options, ...rest)
    const given = withScopeSignal(scope, options)
    return scope.handle(context, () => call(event, context, given, ...rest))
  }
}

/** The handler's third argument, with the scope's signal in place of Middy's. */
const withScopeSignal = (scope: RequestScope, options: unknown): unknown => {
  const signal = (options as { signal?: unknown } | undefined)?.signal
  if (!(signal instanceof AbortSignal)) return options
  return { ...(options as object), signal: scope.replaceSignal(signal) }
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
  if (running instanceof Promise) return finish(scope, running)
  if (isThenable(running)) return finish(scope, Promise.resolve(running))
  scope.end(false)
  return running
}

/** A `finally` that waits only for a scope with something to release: a plain `then` costs less than an async function. */
const finish = (scope: RequestScope, running: Promise<unknown>): Promise<unknown> =>
  running.then(
    (response) => {
      const closing = scope.end(false, response)
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

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
