import type { MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import { managedScopeOf } from './current.ts'
import { endWithEnvironment } from './drainable.ts'
import { closePlain, openPlain } from './plain.ts'
import type { RequestLike } from './request-scope.ts'
import type { Outcome, Scope } from './scope.ts'

/** A middleware that puts a `V` on the Lambda context under the key `K`. */
export type Added<K extends string, V, E = unknown> = MiddlewareObj<
  E,
  unknown,
  Error,
  Context & { readonly signal: AbortSignal } & { readonly [P in K]: V }
>

/**
 * Makes a middleware of what it puts on the context. Under `managed()` the request's scope ends what `create` defers;
 * on a plain `middy()` the middleware's own `after` and `onError` do, or else the request's deadline.
 */
export const contextMiddleware = <const K extends string, V, E = unknown>(
  name: string,
  contextKey: K,
  create: (scope: Scope) => V,
): Added<K, V, E> => {
  endWithEnvironment()
  const before = (request: RequestLike): void => {
    const managed = managedScopeOf(request)
    if (managed !== undefined) managed.provide(name, contextKey, create(managed))
    else {
      const { scope, fork } = openPlain(request, middleware, name)
      scope.provide(name, contextKey, create(fork))
    }
  }
  const close =
    (outcome: Outcome) =>
    (request: RequestLike): Promise<void> | undefined =>
      closePlain(request, middleware, outcome)
  const middleware = {
    before: named(`${name}Before`, before),
    after: named(`${name}After`, close('returned')),
    onError: named(`${name}OnError`, close('threw')),
  }
  return middleware as Added<K, V, E>
}

/** Middy's plugin hooks are told of a middleware by its functions' names. */
const named = <F extends object>(name: string, hook: F): F => Object.defineProperty(hook, 'name', { value: name })
