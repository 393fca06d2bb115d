import type { LeaseRequest, LeaseTaker } from '../../../src/database-adapter.ts'
import { tickInterval, type Watch, type Watched } from '../../../src/scope/watch.ts'
import { whenAborted } from '../../../src/when-aborted.ts'
import { Attempts } from './attempts.ts'
import type { PoolConnection, PoolDriver } from './driver.ts'
import { type Acquired, type LeaseSettings, PooledLease } from './pooled-lease.ts'
import type { Asking, Turns } from './turns.ts'

/** What an acquisition takes from its pool. */
export interface AcquisitionSettings<P, L, M> {
  readonly driver: PoolDriver<P, L>
  readonly turns: Turns<P, L>
  readonly leases: LeaseSettings<L, M>
  /** Milliseconds. */
  readonly acquireTimeout: number
  /** Those that wait. They share one timer, and one that waits a few milliseconds only sets none. */
  readonly waiting: Watch<Acquisition<P, L, M>>
  /** The error of a request that got no connection in time. */
  readonly tooLate: (waited: number) => Error
}

/** One request's way to a connection. */
export class Acquisition<P, L, M> implements Asking<L>, Watched {
  index = 0
  due: number | undefined

  readonly #settings: AcquisitionSettings<P, L, M>
  readonly #request: LeaseRequest
  readonly #acquired: Acquired | undefined
  readonly #taker: LeaseTaker<M>
  #state: 'waiting' | 'seen' | 'followed' | 'ended' = 'waiting'
  #unfollow: (() => void) | undefined
  #patience = 0
  #attempts: Attempts | undefined
  /** How many connections had been lent when its last attempt failed. */
  #lentBefore = 0

  constructor(
    settings: AcquisitionSettings<P, L, M>,
    request: LeaseRequest,
    acquired: Acquired | undefined,
    taker: LeaseTaker<M>,
  ) {
    this.#settings = settings
    this.#request = request
    this.#acquired = acquired
    this.#taker = taker
    settings.waiting.add(this)
    settings.turns.ask(this)
  }

  /** The signal is worth a listener to one that still waits at the second look. */
  look(): number {
    const { signal, deadline } = this.#request
    switch (this.#state) {
      case 'waiting':
        if (signal.aborted) break
        this.#state = 'seen'
        this.#patience = Math.max(0, Math.min(this.#settings.acquireTimeout, deadline - Date.now()))
        return Math.min(tickInterval, this.#patience)
      case 'seen':
        if (signal.aborted || this.#patience <= tickInterval) break
        this.#state = 'followed'
        this.#unfollow = whenAborted(signal, () => this.fail(signal.reason))
        return this.#patience - tickInterval
      case 'followed':
        break
      case 'ended':
        return Number.POSITIVE_INFINITY
      default:
        this.#state satisfies never
    }
    if (signal.aborted) this.fail(signal.reason)
    else this.fail(this.#lateness)
    return Number.POSITIVE_INFINITY
  }

  /** Ends the wait. A connection that comes later goes back by itself. */
  fail(reason: unknown): void {
    if (!this.#end()) return
    this.#settings.turns.leave(this)
    this.#taker.refuse(reason)
  }

  take(connection: PoolConnection<L>): void {
    const { turns, leases } = this.#settings
    if (!this.#end()) {
      turns.takeBack(connection, 'keep')
      return
    }
    let lease: PooledLease<L, M>
    try {
      lease = new PooledLease(leases, this.#request, connection, this.#acquired)
    } catch (error) {
      this.#taker.refuse(error)
      return
    }
    this.#taker.take(lease)
  }

  refuse(error: unknown): void {
    if (this.#state === 'ended') return
    const { driver, turns } = this.#settings
    this.#lentBefore = turns.lent
    this.#attempts ??= new Attempts(driver)
    const failure = this.#attempts.fail(error, () => turns.askAgain(this))
    if (failure !== undefined) this.fail(failure)
  }

  /** That it could not connect, if nobody else has been lent a connection since. */
  get #lateness(): Error {
    const { turns, tooLate } = this.#settings
    if (this.#attempts !== undefined && turns.lent === this.#lentBefore) return this.#attempts.error
    return tooLate(this.#patience)
  }

  /** Whether it has not ended before. */
  #end(): boolean {
    if (this.#state === 'ended') return false
    this.#unfollow?.()
    this.#state = 'ended'
    this.#settings.waiting.remove(this)
    this.#attempts?.stop()
    return true
  }
}
