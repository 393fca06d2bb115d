import { ContextKeys } from './context-keys.ts'
import { managedScopeOf } from './current.ts'
import type { Added } from './middleware.ts'
import { remainingTime, type TimedContext } from './remaining-time.ts'
import type { RequestLike } from './request-scope.ts'

/**
 * Makes a middleware of a value for the context that nobody has to give back. On a plain `middy()` it opens no scope,
 * so that it costs next to nothing there too.
 */
export const valueMiddleware = <const K extends string, V, E = unknown>(
  name: string,
  contextKey: K,
  provide: (request: RequestLike & { readonly event: E }) => V | Promise<V>,
): Added<K, V, E> => {
  const put = (request: RequestLike, value: V): void => {
    const managed = managedScopeOf(request)
    if (managed !== undefined) managed.provide(name, contextKey, value)
    else {
      new ContextKeys().add(request.context as object, name, contextKey, value)
      exposeDeadline(request.context as TimedContext)
    }
  }
  const before = (request: RequestLike & { readonly event: E }): Promise<void> | undefined => {
    const value = provide(request)
    if (value instanceof Promise) return value.then((given) => put(request, given))
    put(request, value)
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
