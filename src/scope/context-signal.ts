import { storage } from './current.ts'

// Reads the signal of the request that is running, so that overlapping requests may share one context object.
const runningSignal: PropertyDescriptor = {
  configurable: true,
  enumerable: false,
  get: () => storage.getStore()?.signal,
  set(this: object, value: unknown) {
    Object.defineProperty(this, 'signal', { value, configurable: true, enumerable: true, writable: true })
  },
}

const hasNoSignal = (context: unknown): context is object =>
  typeof context === 'object' && context !== null && !('signal' in context)

/** Puts `signal` on a context that has none and can be extended. */
export const exposeSignal = (context: unknown): void => {
  if (hasNoSignal(context)) Reflect.defineProperty(context, 'signal', runningSignal)
}

/** The same for a request that runs in no storage of ours: on a plain `middy()`. */
export const setSignal = (context: unknown, signal: AbortSignal): void => {
  if (hasNoSignal(context))
    Reflect.defineProperty(context, 'signal', { configurable: true, writable: true, value: signal })
}
