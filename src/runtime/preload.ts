/**
 * Relays SIGTERM to the workers, which never see it: load it on the runtime's main thread with
 * `NODE_OPTIONS=--import middy-managed-instances/preload`. The workers give their requests time to finish, abort the
 * rest, close what was registered by `onShutdown`, and the process ends by the same signal: within 1500 ms, or what
 * `MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT` says in milliseconds.
 *
 * It imports nothing but Node itself, so that a bundled function can ship this one file.
 *
 * @module
 */
import { setTimeout } from 'node:timers'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'
import type { PreloadMark, ShutdownChannel, ShutdownMessage } from './shutdown-protocol.ts'

const preloadMark: PreloadMark = 'middy-managed-instances.preload'
const channelName: ShutdownChannel = 'middy-managed-instances.shutdown'

const defaultBound = 1_500
/** The runtime client still has to send the last answers when their requests have closed. */
const answersLeave = 100

const readBound = (): number => {
  const text = process.env['MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT']
  if (text === undefined || text === '') return defaultBound
  const bound = Number(text)
  if (Number.isFinite(bound) && bound > 0) return bound
  process.emitWarning(
    `MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT must be a number of milliseconds above 0, received ${JSON.stringify(text)}; ${defaultBound} is used.`,
    'ManagedInstancesWarning',
  )
  return defaultBound
}

const relaySigterm = (): void => {
  const bound = readBound()
  const workers = new Set<number>()
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  let finish: ((delay: number) => void) | undefined

  channel.onmessage = (event: unknown) => {
    const message = (event as { data: ShutdownMessage }).data
    if (message.type === 'listening') workers.add(message.worker)
    if (message.type === 'closed' && workers.delete(message.worker) && workers.size === 0) finish?.(answersLeave)
  }

  process.once('SIGTERM', () => {
    const end = (): void => {
      // Only now does the signal do what it does by default. process.exit() would hang while a native poll is parked.
      if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM')
    }
    finish = (delay) => {
      finish = undefined
      setTimeout(end, delay)
    }
    if (workers.size === 0) return finish(0)
    channel.postMessage({ type: 'shutdown', deadline: Date.now() + bound - answersLeave } satisfies ShutdownMessage)
    setTimeout(end, bound)
  })
}

Object.defineProperty(globalThis, Symbol.for(preloadMark), { value: true, configurable: true })
if (isMainThread) relaySigterm()
