import type { Shutdown, ShutdownRegistry } from './preload.ts'

/** Closes something that lives as long as the worker. */
export type CloseOnShutdown = (shutdown: Shutdown) => unknown

/** What the preload has left in this thread; nothing without a preload. */
export const shutdownRegistry = (): ShutdownRegistry | undefined =>
  Reflect.get(globalThis, Symbol.for('middy-managed-instances.shutdown'))

/**
 * Has `close` called when the environment ends: after its requests have ended, the last registered first, within what
 * is left of the bound. Only where the preload relays SIGTERM. Returns a function that takes the registration back.
 *
 * @example
 * ```ts
 * import { onShutdown } from 'middy-managed-instances'
 * import { createServer } from 'node:net'
 *
 * const server = createServer().listen(0)
 * onShutdown('server', () => server.close())
 * ```
 */
export const onShutdown = (name: string, close: CloseOnShutdown): (() => void) => {
  const closer = { name, close }
  const closers = shutdownRegistry()?.closers
  closers?.add(closer)
  return () => {
    closers?.delete(closer)
  }
}
