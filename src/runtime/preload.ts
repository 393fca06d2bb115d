/**
 * Relays SIGTERM to the workers, which never see it: load it in every thread of the runtime with
 * `NODE_OPTIONS=--import middy-managed-instances/preload`. The workers give their requests time to finish, abort the
 * rest, close what was registered by `onShutdown`, and the process ends by the same signal: within 1500 ms, or what
 * `MIDDY_MANAGED_INSTANCES_SHUTDOWN_TIMEOUT` says in milliseconds.
 *
 * It imports nothing but Node itself, so that a bundled function can ship this one file.
 *
 * @module
 */
import { setTimeout } from 'node:timers'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

/** What is told to whoever closes something at the end of the environment. */
export interface Shutdown {
  /** When everything must be closed, in milliseconds since the epoch. */
  readonly deadline: number
}

/** A request as far as a shutdown is concerned. */
export interface OpenRequest {
  interrupt(outcome: 'timedOut'): void
  expire(): void
}

/** What a thread has to end, for a copy of the package that is loaded in it. */
export interface Drainable {
  readonly openRequests: () => OpenRequest[]
  readonly hasBackgroundWork: () => boolean
}

/** Where the package makes known what a shutdown has to end in this thread. */
export interface ShutdownRegistry {
  readonly closers: Set<{ readonly name: string; readonly close: (shutdown: Shutdown) => unknown }>
  readonly drainables: Set<Drainable>
}

type Message =
  | { readonly type: 'ready'; readonly thread: number }
  | { readonly type: 'shutdown'; readonly deadline: number }
  | { readonly type: 'closed'; readonly thread: number }

const channelName = 'middy-managed-instances.shutdown'
const pollInterval = 5
const defaultBound = 1_500

/** The runtime client still has to send the last answers when their requests have closed. */
const answersLeave = 100

const openChannel = (receive: (message: Message) => void): ((message: Message) => void) => {
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  channel.onmessage = (event: unknown) => receive((event as { data: Message }).data)
  return (message) => channel.postMessage(message)
}

const until = async (done: () => boolean, time: number): Promise<void> => {
  while (!done() && Date.now() < time) await sleep(pollInterval)
}

/**
 * Ends the requests of a thread: half the time is theirs to answer, then their signals abort, and in the last quarter
 * whatever is still open is released.
 */
const drain = async ({ drainables }: ShutdownRegistry, { deadline }: Shutdown): Promise<void> => {
  const open = (): OpenRequest[] => [...drainables].flatMap(({ openRequests }) => openRequests())
  const quarter = Math.max(0, (deadline - Date.now()) / 4)
  await until(() => open().length === 0, deadline - 2 * quarter)
  for (const request of open()) request.interrupt('timedOut')
  await until(() => open().length === 0, deadline - quarter)
  for (const request of open()) request.expire()
  await until(() => ![...drainables].some(({ hasBackgroundWork }) => hasBackgroundWork()), deadline)
}

const closeAll = async ({ closers }: ShutdownRegistry, shutdown: Shutdown): Promise<void> => {
  for (const { name, close } of [...closers].reverse()) {
    const closing = (async () => close(shutdown))().catch((error: unknown) => {
      const cause = error instanceof Error ? error.stack : error
      console.error(JSON.stringify({ level: 'ERROR', message: `onShutdown(): closing "${name}" failed.`, cause }))
    })
    await Promise.race([closing, sleep(Math.max(0, shutdown.deadline - Date.now()), undefined, { ref: false })])
  }
}

const listen = (): void => {
  const registry: ShutdownRegistry = { closers: new Set(), drainables: new Set() }
  Object.defineProperty(globalThis, Symbol.for(channelName), { value: registry, configurable: true })
  const post = openChannel(async (message) => {
    if (message.type !== 'shutdown') return
    await drain(registry, message)
    await closeAll(registry, message)
    post({ type: 'closed', thread: threadId })
  })
  post({ type: 'ready', thread: threadId })
}

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
  const threads = new Set<number>()
  let finish: ((delay: number) => void) | undefined
  const post = openChannel((message) => {
    if (message.type === 'ready') threads.add(message.thread)
    if (message.type === 'closed' && threads.delete(message.thread) && threads.size === 0) finish?.(answersLeave)
  })

  process.once('SIGTERM', () => {
    const end = (): void => {
      // Only now does the signal do what it does by default. process.exit() would hang while a native poll is parked.
      if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM')
    }
    finish = (delay) => {
      finish = undefined
      setTimeout(end, delay)
    }
    post({ type: 'shutdown', deadline: Date.now() + bound - answersLeave })
    setTimeout(end, bound)
  })
}

if (isMainThread) relaySigterm()
listen()
