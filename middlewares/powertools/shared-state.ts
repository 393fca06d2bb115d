import { areConcurrent, currentInvocation } from './tracing/invocation.ts'
import { warnOnce } from './warn-once.ts'

/** What sets state of all requests, and what to use for that of one. */
const remedies = {
  appendPersistentKeys: 'logger.appendKeys()',
  setPersistentLogAttributes: 'logger.appendKeys()',
  setDefaultDimensions: 'metrics.addDimension()',
} as const

type Method = (...args: unknown[]) => unknown

const watched = new WeakSet<object>()

/** Warns when a request changes what all requests of its worker share. */
export const watchSharedState = (instances: readonly object[]): void => {
  if (!areConcurrent()) return
  for (const instance of instances) {
    if (watched.has(instance)) continue
    watched.add(instance)
    for (const [name, remedy] of Object.entries(remedies)) {
      const method: unknown = Reflect.get(instance, name)
      if (typeof method === 'function') watch(instance, name, method as Method, remedy)
    }
  }
}

const watch = (instance: object, name: string, method: Method, remedy: string): void => {
  const watching = function (this: unknown, ...args: unknown[]): unknown {
    if (currentInvocation() !== undefined)
      warnOnce(
        `${name}() was called within a request: what it sets is shared with the requests that run beside it in the same worker, ` +
          `and with all after it. Call it outside the handler, or use ${remedy} for what belongs to one request.`,
      )
    return method.apply(this, args)
  }
  Object.defineProperty(instance, name, { value: watching, configurable: true, writable: true })
}
