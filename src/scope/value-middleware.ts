import { ContextKeys } from './context-keys.ts'
import { managedScopeOf, scopeOf } from './current.ts'
import type { Added } from './middleware.ts'
import { remainingTime, type TimedContext } from './remaining-time.ts'
import type { RequestLike, RequestScope } from './request-scope.ts'
import type { Scope } from './scope.ts'

/**
 * Makes a middleware of a value for the context that nobody has to give back. On a plain `middy()` it opens no scope,
 * so that it costs next to nothing there too.
 */
export const valueMiddleware = <const K extends string, V, E = unknown>(
  name: string,
  contextKey: K,
  provide: (request: RequestLike & { readonly event: E }, scope: Scope | undefined) => V | Promise<V>,
): Added<K, V, E> => {
  const put = (request: RequestLike, managed: RequestScope | undefined, value: V): void => {
    if (managed !== undefined) managed.provide(name, contextKey, value)
    else {
      new ContextKeys().add(request.context as object, name, contextKey, value)
      exposeDeadline(request.context as TimedContext)
    }
  }
  const before = (request: RequestLike & { readonly event: E }): Promise<void> | undefined => {
    const managed = managedScopeOf(request)
    const value = provide(request, managed ?? scopeOf(request))
    if (value instanceof Promise) return value.then((given) => put(request, managed, given))
    put(request, managed, value)
    return undefined
  }
  return { before: Object.defineProperty(before, 'name', { value: `${name}Before` }) } as unknown as Added<K, V, E>
}

// Made when it is first read: few handlers on a plain middy() do, since they have the one in their third argument.
const deadlineSignal: PropertyDescriptor = {
  configurable: true,
  enumerable: false,
  get(this: TimedContext): AbortSignal {
    const remaining = remainingTime(this)
    const signal = Number.isFinite(remaining)
      ? AbortSignal.timeout(Math.max(0, remaining))
      : new AbortController().signal
    Object.defineProperty(this, 'signal', { value: signal, configurable: true, enumerable: false, writable: true })
    return signal
  },
  set(this: object, value: unknown) {
    Object.defineProperty(this, 'signal', { value, configurable: true, enumerable: true, writable: true })
  },
}

const exposeDeadline = (context: TimedContext): void => {
  if (!('signal' in context)) Object.defineProperty(context, 'signal', deadlineSignal)
}
