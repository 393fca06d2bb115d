import { AsyncResource } from 'node:async_hooks'

/** A connection calls back in nobody's async context: a callback is to be called in that of whoever gave it. */
export const inContext = <T>(part: T): T =>
  typeof part === 'function' ? (AsyncResource.bind(part as unknown as (...args: unknown[]) => unknown) as T) : part
