import { clearTimeout, setTimeout } from 'node:timers'
import { longestTimer } from '../../src/options.ts'
import type { Scope } from '../../src/scope/scope.ts'
import { whenAborted } from '../../src/when-aborted.ts'
import { BatchTimeoutError } from './errors.ts'

/**
 * The time a batch has. Some of the request's is kept for the answer: when only that is left, no more records are taken
 * and the signal aborts; when half of that is gone, those which run on are not waited for any longer.
 */
export class TimeLimit {
  readonly #controller = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  readonly #request: AbortSignal
  readonly #kept: number
  readonly #end: number
  #timer: NodeJS.Timeout | undefined
  #unfollow: (() => void) | undefined

  /** @param reserve - milliseconds to keep; of a request that has less than twice as many left, half of them. */
  constructor({ signal, deadline }: Scope, reserve: number) {
    const remaining = Math.max(0, deadline - Date.now())
    this.#kept = Math.min(reserve, remaining / 2)
    this.#end = deadline - this.#kept
    this.#request = signal
    if (signal.aborted) this.#abort()
    else this.#unfollow = whenAborted(signal, () => this.#abort())
    const left = remaining - this.#kept
    if (left <= longestTimer) this.#timer = setTimeout(() => this.#stop(), left)
  }

  /** Aborts when no more records are taken. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Resolves when the answer can't wait any longer. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Read off the clock: records that never wait for anything would keep a timer from firing. */
  get isReached(): boolean {
    if (Date.now() >= this.#end) this.#stop()
    return this.signal.aborted
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#unfollow?.()
  }

  /** The request's signal has aborted. */
  #abort(): void {
    this.#controller.abort(this.#request.reason)
    this.#over.resolve()
  }

  #stop(): void {
    if (this.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#over.resolve, this.#kept / 2)
    this.#controller.abort(new BatchTimeoutError('the record was still running'))
  }
}
