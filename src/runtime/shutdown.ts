import { setTimeout } from 'node:timers/promises'
import { BroadcastChannel, threadId } from 'node:worker_threads'
import { ShutdownError } from '../errors.ts'
import { logLine } from '../log.ts'
import type { PreloadMark, ShutdownChannel, ShutdownMessage } from './shutdown-protocol.ts'

const preloadMark: PreloadMark = 'middy-managed-instances.preload'
const channelName: ShutdownChannel = 'middy-managed-instances.shutdown'

/** What is told to whoever closes something at the end of the environment. */
export interface Shutdown {
  /** When the process ends, in milliseconds since the epoch. */
  readonly deadline: number
}

/** Closes something that lives as long as the worker. */
export type CloseOnShutdown = (shutdown: Shutdown) => unknown

interface Closer {
  readonly name: string
  readonly close: CloseOnShutdown
}

const closers = new Set<Closer>()

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
  closers.add(closer)
  return () => {
    closers.delete(closer)
  }
}

/** What a worker does first when the environment ends: it lets its requests end. */
export type Drain = (shutdown: Shutdown) => Promise<void>

let listening = false

/** Waits for the preload's message, if there is a preload. Keeps no process alive. */
export const listenForShutdown = (drain: Drain): void => {
  if (listening || !Object.hasOwn(globalThis, Symbol.for(preloadMark))) return
  listening = true
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  channel.onmessage = async (event: unknown) => {
    const message = (event as { data: ShutdownMessage }).data
    if (message.type !== 'shutdown') return
    await drain(message)
    await closeAll(message)
    channel.postMessage({ type: 'closed', worker: threadId } satisfies ShutdownMessage)
  }
  channel.postMessage({ type: 'listening', worker: threadId } satisfies ShutdownMessage)
}

const closeAll = async (shutdown: Shutdown): Promise<void> => {
  for (const { name, close } of [...closers].reverse()) {
    const closing = (async () => close(shutdown))().catch((cause: unknown) => {
      const { name: error, code, message } = new ShutdownError(name, { cause })
      logLine('ERROR', { name: error, code, message, cause: cause instanceof Error ? cause.stack : cause })
    })
    await Promise.race([closing, setTimeout(Math.max(0, shutdown.deadline - Date.now()), undefined, { ref: false })])
  }
}
