import { clearTimeout, setTimeout } from 'node:timers'
import type { LeaseRequest } from '../../../src/database-adapter.ts'
import { DatabaseConnectError } from '../errors.ts'
import { backoff } from './backoff.ts'
import type { PoolConnection, PoolDriver } from './driver.ts'
import { type Acquired, type LeaseSettings, PooledLease } from './pooled-lease.ts'
import type { Watch, Watched } from './watch.ts'

/** What an acquisition takes from its pool. */
export interface AcquisitionSettings<P, L, M> {
  readonly driver: PoolDriver<P, L>
  readonly leases: LeaseSettings<L, M>
  /** Milliseconds. */
  readonly acquireTimeout: number
  /** Those that wait. They share one timer, and one that waits a few milliseconds only sets none. */
  readonly waiting: Watch<Acquisition<P, L, M>>
  /** The error of a request that got no connection in time. */
  readonly busy: (waited: number) => Error
}

/** One request's way to a connection. */
export class Acquisition<P, L, M> implements Watched {
  index = 0
  due: number | undefined

  readonly #settings: AcquisitionSettings<P, L, M>
  readonly #pool: P
  readonly #request: LeaseRequest
  readonly #acquired: Acquired | undefined
  readonly #resolve: (lease: PooledLease<L, M>) => void
  readonly #reject: (reason: unknown) => void
  #open = true
  #listens = false
  #patience = 0
  #attempts = 0
  #refused = false
  #failure: unknown
  #retry: NodeJS.Timeout | undefined

  constructor(
    settings: AcquisitionSettings<P, L, M>,
    pool: P,
    request: LeaseRequest,
    acquired: Acquired | undefined,
    resolve: (lease: PooledLease<L, M>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#settings = settings
    this.#pool = pool
    this.#request = request
    this.#acquired = acquired
    this.#resolve = resolve
    this.#reject = reject
    settings.waiting.add(this)
    this.#checkOut()
  }

  /** Asked once, and only of one that has waited: only then is the signal worth a listener. */
  patience(): number {
    const { signal, deadline } = this.#request
    if (signal.aborted) return 0
    this.#listens = true
    signal.addEventListener('abort', this)
    this.#patience = Math.max(0, Math.min(this.#settings.acquireTimeout, deadline - Date.now()))
    return this.#patience
  }

  handleEvent(): void {
    this.fail(this.#request.signal.reason)
  }

  overdue(): void {
    const { signal } = this.#request
    if (signal.aborted) this.fail(signal.reason)
    else if (this.#failure === undefined) this.fail(this.#settings.busy(this.#patience))
    else this.fail(this.#connectError('transient'))
  }

  /** Ends the wait. A connection that comes later goes back by itself. */
  fail(reason: unknown): void {
    if (this.#end()) this.#reject(reason)
  }

  #checkOut(): void {
    this.#attempts += 1
    this.#settings.driver.checkOut(this.#pool, (error, connection) => {
      if (connection === undefined) this.#failed(error)
      else if (this.#end()) this.#lend(connection)
      else connection.checkIn('keep')
    })
  }

  #lend(connection: PoolConnection<L>): void {
    try {
      this.#resolve(new PooledLease(this.#settings.leases, this.#request, connection, this.#acquired))
    } catch (error) {
      this.#reject(error)
    }
  }

  #failed(error: unknown): void {
    if (!this.#open) return
    this.#failure = error
    const { driver } = this.#settings
    const { kind } = driver.diagnose(error)
    switch (kind) {
      case 'transient':
        this.#retry = setTimeout(() => this.#checkOut(), backoff(this.#attempts))
        break
      case 'authentication':
        if (this.#refused || !driver.credentialsCanChange) this.fail(this.#connectError(kind))
        else {
          this.#refused = true
          this.#checkOut()
        }
        break
      case 'permanent':
        this.fail(this.#connectError(kind))
        break
      default:
        kind satisfies never
    }
  }

  #connectError(kind: string): DatabaseConnectError {
    const { driver } = this.#settings
    const data = { database: driver.name, attempts: this.#attempts, transient: kind === 'transient' }
    return new DatabaseConnectError(data, driver.diagnose(this.#failure).remedy, this.#failure)
  }

  #end(): boolean {
    if (!this.#open) return false
    this.#open = false
    this.#settings.waiting.remove(this)
    clearTimeout(this.#retry)
    if (this.#listens) this.#request.signal.removeEventListener('abort', this)
    return true
  }
}
