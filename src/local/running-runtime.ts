import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkOptions } from '../options.ts'
import { runBurst } from './burst.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { EnvironmentExit, EnvironmentProcess } from './environment-process.ts'
import { NotRunningError } from './errors.ts'
import { createInvocation } from './event.ts'
import type { Report } from './inside/configuration.ts'
import type { Invocation } from './invocation.ts'
import {
  type BurstOptions,
  burstRules,
  type InvokeOptions,
  type InvokeStreamOptions,
  invokeRules,
  invokeStreamRules,
} from './invoke-options.ts'
import type { Logs } from './logs.ts'
import type { ResolvedOptions } from './options.ts'
import type { InvocationResult } from './results.ts'
import type { LocalRuntime, StreamedInvocation } from './runtime.ts'
import type { RuntimeApi } from './runtime-api.ts'
import type { RuntimeStats, Statistics } from './statistics.ts'
import { streamInvocation } from './stream-invocation.ts'

interface Parts {
  readonly options: ResolvedOptions
  readonly environment: EnvironmentProcess
  readonly api: RuntimeApi
  readonly dispatcher: Dispatcher
  readonly statistics: Statistics
  readonly logs: Logs
  readonly tmp: string
  readonly release: () => Promise<void>
}

type State = { readonly name: 'running' } | { readonly name: 'ended'; readonly reason: string }

const answersBound = 1000

export class RunningRuntime implements LocalRuntime {
  readonly exited: Promise<EnvironmentExit>
  readonly concurrency: number
  readonly tmp: string
  readonly #parts: Parts
  readonly #released: Promise<void>
  #state: State = { name: 'running' }
  #stopped: Promise<void> | undefined
  #lastDeath: string | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.concurrency = parts.options.concurrency
    this.tmp = parts.tmp
    this.exited = parts.environment.exited
    this.#released = parts.environment.exited.then((exit) => this.#ended(exit))
  }

  get pid(): number {
    return this.#parts.environment.pid
  }

  get inFlight(): number {
    return this.#parts.statistics.inFlight
  }

  async invoke(event: unknown = {}, options: InvokeOptions = {}): Promise<InvocationResult> {
    checkOptions('invoke()', invokeRules, options)
    this.#refuseWhenEnded()
    return this.#run(createInvocation(event, options, this.#parts.options), options.signal)
  }

  async invokeStream(event: unknown = {}, options: InvokeStreamOptions = {}): Promise<StreamedInvocation> {
    const { keepMetadata = false, signal } = checkOptions('invokeStream()', invokeStreamRules, options)
    this.#refuseWhenEnded()
    return streamInvocation(
      (onStream) => createInvocation(event, options, this.#parts.options, onStream),
      (invocation) => this.#run(invocation, signal),
      keepMetadata,
    )
  }

  async burst(events: Iterable<unknown>, options: BurstOptions = {}): Promise<InvocationResult[]> {
    const { concurrency = this.concurrency, onResult, ...each } = checkOptions('burst()', burstRules, options)
    this.#refuseWhenEnded()
    return runBurst(
      events,
      concurrency,
      (event) => this.#run(createInvocation(event, each, this.#parts.options), each.signal),
      onResult,
    )
  }

  stats(): RuntimeStats {
    return this.#parts.statistics.read()
  }

  logs(requestId?: string): string[] {
    return this.#parts.logs.read(requestId)
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.#parts.environment.kill(signal)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  report(report: Report): void {
    if (report.type === 'ended' && this.#state.name === 'running') void this.#workerEnded(report)
  }

  async #run(invocation: Invocation, signal: AbortSignal | undefined): Promise<InvocationResult> {
    signal?.throwIfAborted()
    const { dispatcher } = this.#parts
    dispatcher.submit(invocation)
    // The environment may have ended since a burst began.
    if (this.#state.name === 'ended') {
      dispatcher.withdraw(invocation, this.#state.reason)
      // Events may have no end until something else has its turn.
      await nextTurn()
    }
    if (signal === undefined) return invocation.result
    let abort: () => void = () => {}
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
    })
    try {
      return await Promise.race([invocation.result, aborted])
    } finally {
      signal.removeEventListener('abort', abort)
      dispatcher.withdraw(invocation, 'the caller withdrew it')
    }
  }

  #refuseWhenEnded(): void {
    if (this.#state.name === 'ended') throw new NotRunningError(this.#state.reason)
  }

  async #workerEnded({ worker, exitCode, error }: Extract<Report, { type: 'ended' }>): Promise<void> {
    const reason = error
      ? `worker ${worker} died of an uncaught error: ${error.name}: ${error.message}`
      : `worker ${worker} ended with exit code ${exitCode}: process.exit() was called`
    this.#lastDeath = reason
    const { api, dispatcher, statistics } = this.#parts
    statistics.died(worker, reason)
    await api.drained(worker, answersBound)
    dispatcher.workerDied(worker, reason)
  }

  async #stop(): Promise<void> {
    const reason = 'the runtime was stopped'
    if (this.#state.name === 'running') this.#state = { name: 'ended', reason }
    this.#parts.dispatcher.closeQueue(reason)
    await this.#parts.environment.end(this.#parts.options.stopTimeout)
    await this.#released
  }

  async #ended(exit: EnvironmentExit): Promise<void> {
    const { api, dispatcher, statistics, release } = this.#parts
    if (this.#state.name === 'running') {
      const reason = this.#lastDeath === undefined ? exit.reason : `${exit.reason}; ${this.#lastDeath}`
      this.#state = { name: 'ended', reason }
    }
    const { reason } = this.#state
    const alive = statistics.workers.map((_, worker) => worker).filter((worker) => statistics.workers[worker]?.alive)
    for (const worker of alive) statistics.died(worker, reason)
    await Promise.all(alive.map((worker) => api.drained(worker, answersBound)))
    dispatcher.close(reason)
    await release()
  }
}
