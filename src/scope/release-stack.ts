import { clearTimeout, setTimeout } from 'node:timers'
import { callBack } from '../call-back.ts'
import { ReleaseError, RequestEndedError } from '../errors.ts'
import { logLine } from '../log.ts'
import type { Ending, Release } from './scope.ts'
import { isThenable } from './thenable.ts'

/** What bounds and reports the releases of a scope. */
export interface ReleasePolicy {
  readonly releaseTimeout: number
  readonly reserve: number
  readonly onReleaseError: (error: ReleaseError) => void
}

/** Writes one structured line by `console.error`. */
export const reportReleaseError = ({ name, code, message, data, cause }: ReleaseError): void =>
  logLine('ERROR', { name, code, message, ...data, cause: cause instanceof Error ? cause.stack : cause })

export const defaultPolicy: ReleasePolicy = { releaseTimeout: 1000, reserve: 50, onReleaseError: reportReleaseError }

interface Deferred {
  readonly name: string
  readonly release: Release
  /** What was deferred before it: an array would make room for 17 with the first. */
  below: Deferred | undefined
}

/** Whoever owns the stack, as far as running its releases needs to know. */
export interface ReleaseOwner {
  readonly policy: ReleasePolicy
  readonly requestId: string | undefined
  /** Milliseconds until the request's deadline; `Infinity` without one. */
  remaining(): number
  /** As `defer`, but what it returns gives a promise only if there is something to wait for. */
  hold(name: string, release: Release): () => Promise<void> | undefined
}

/** The releases of one scope: run once each, last in first out, each isolated from the others and bounded in time. */
export class ReleaseStack {
  readonly #owner: ReleaseOwner
  #top: Deferred | undefined

  constructor(owner: ReleaseOwner) {
    this.#owner = owner
  }

  get names(): string[] {
    const names: string[] = []
    for (let deferred = this.#top; deferred !== undefined; deferred = deferred.below) names.unshift(deferred.name)
    return names
  }

  /**
   * Adds a release and returns what runs it ahead of the others; after the `ending` it runs at once.
   *
   * @throws {@link RequestEndedError} after the ending.
   */
  hold(name: string, release: Release, ending: Ending | undefined): () => Promise<void> | undefined {
    const deferred = { name, release, below: this.#top }
    this.#top = deferred
    if (ending !== undefined) {
      this.run(ending)
      throw new RequestEndedError(name, ending.outcome)
    }
    return () =>
      this.#remove(deferred) ? this.#start(deferred, { outcome: 'returned', handlerSettled: true }) : undefined
  }

  #remove(deferred: Deferred): boolean {
    if (this.#top === deferred) return this.#pop() !== undefined
    let above = this.#top
    while (above !== undefined && above.below !== deferred) above = above.below
    if (above === undefined) return false
    above.below = deferred.below
    return true
  }

  #pop(): Deferred | undefined {
    const top = this.#top
    this.#top = top?.below
    return top
  }

  /**
   * Runs every release, last first, each after the one before it. Returns nothing if none of them had to be awaited.
   * After a timeout all are started and none is awaited: the answer must not be late.
   */
  run(ending: Ending): Promise<void> | undefined {
    for (let next = this.#pop(); next !== undefined; next = this.#pop()) {
      const running = this.#start(next, ending)
      if (running !== undefined && ending.outcome !== 'timedOut') return this.#runRest(next, running, ending)
    }
    return undefined
  }

  async #runRest(first: Deferred, running: Promise<void>, ending: Ending): Promise<void> {
    await this.#bounded(first, running, ending)
    for (let next = this.#pop(); next !== undefined; next = this.#pop()) {
      const pending = this.#start(next, ending)
      if (pending !== undefined) await this.#bounded(next, pending, ending)
    }
  }

  /** Starts one release; what it returns, if it has to be awaited, never rejects. */
  #start(deferred: Deferred, ending: Ending): Promise<void> | undefined {
    const report = (cause: unknown): void => this.#report(deferred, ending, 'failed', cause)
    try {
      const { outcome, handlerSettled } = ending
      const result = deferred.release({ outcome, handlerSettled, report })
      return isThenable(result) ? Promise.resolve(result).then(() => {}, report) : undefined
    } catch (cause) {
      report(cause)
      return undefined
    }
  }

  async #bounded(deferred: Deferred, running: Promise<void>, ending: Ending): Promise<void> {
    const { releaseTimeout, reserve } = this.#owner.policy
    const limit = Math.min(releaseTimeout, this.#owner.remaining() - reserve)
    if (limit <= 0) return
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, limit, 'late')
    })
    const winner = await Promise.race([running, timeout])
    clearTimeout(timer)
    if (winner === 'late') this.#report(deferred, ending, `took longer than ${Math.ceil(limit)} ms`, undefined)
  }

  #report(deferred: Deferred, ending: Ending, problem: string, cause: unknown): void {
    const data = { release: deferred.name, outcome: ending.outcome, requestId: this.#owner.requestId }
    const error = new ReleaseError(data, problem, cause === undefined ? undefined : { cause })
    callBack(
      () => this.#owner.policy.onReleaseError(error),
      () => reportReleaseError(error),
    )
  }
}
