import type { EnvironmentExit } from './environment-process.ts'
import {
  CallbackHandlerError,
  HandlerExportMissingError,
  InitError,
  InitTimeoutError,
  ProcessFailedError,
} from './errors.ts'
import type { HandlerFile } from './handler-file.ts'
import type { Report } from './inside/configuration.ts'
import type { Logs } from './logs.ts'
import type { ResolvedOptions } from './options.ts'
import type { FunctionError } from './results.ts'

const linesShown = 5

/** The time until every worker polls, or the first reason why one never will. */
export class Initialization {
  readonly done: Promise<void>
  readonly #options: ResolvedOptions
  readonly #handler: HandlerFile
  readonly #logs: Logs
  readonly #waiting = new Set<number>()
  #resolve: () => void = () => {}
  #reject: (reason: unknown) => void = () => {}

  constructor(options: ResolvedOptions, handler: HandlerFile, logs: Logs) {
    this.#options = options
    this.#handler = handler
    this.#logs = logs
    for (let worker = 0; worker < options.workers; worker += 1) this.#waiting.add(worker)
    const ended = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const timer = setTimeout(() => this.#reject(this.#late()), options.initTimeout)
    const abort = (): void => this.#reject(options.signal?.reason)
    options.signal?.addEventListener('abort', abort, { once: true })
    this.done = ended.finally(() => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
    })
    // The caller may still be opening ports when the first bad news comes.
    this.done.catch(() => {})
  }

  /** A worker has polled. */
  readonly ready = (worker: number): void => {
    if (this.#waiting.delete(worker) && this.#waiting.size === 0) this.#resolve()
  }

  /** The runtime client has reported an init error. */
  readonly failed = (error: FunctionError): void => {
    const { handler } = this.#options
    const { file } = this.#handler
    if (error.errorType === 'Runtime.HandlerNotFound') {
      this.#reject(new HandlerExportMissingError(handler, file, error.errorMessage))
    } else if (error.errorType === 'Runtime.CallbackHandlerDeprecated') {
      this.#reject(new CallbackHandlerError(handler, file))
    } else {
      this.#reject(new InitError(handler, error.errorType, error.errorMessage, error.trace))
    }
  }

  report(report: Report): void {
    if (report.type === 'unsupported') {
      this.#reject(new ProcessFailedError(this.#options.nodePath, `it is Node.js ${report.version}`))
    } else if (report.type === 'ended') {
      const message =
        report.error?.message ?? `worker ${report.worker} ended with exit code ${report.exitCode} while it loaded`
      const type = report.error?.name ?? 'Runtime.ExitError'
      this.#reject(new InitError(this.#options.handler, type, message, report.error?.stack ?? []))
    }
  }

  exited(exit: EnvironmentExit): void {
    const lines = this.#logs.read().slice(-linesShown)
    const said = lines.length > 0 ? `; it wrote: ${lines.join(' | ')}` : ''
    this.#reject(new ProcessFailedError(this.#options.nodePath, exit.reason + said))
  }

  #late(): InitTimeoutError {
    const { handler, initTimeout, workers } = this.#options
    return new InitTimeoutError(handler, initTimeout, workers - this.#waiting.size, workers)
  }
}
