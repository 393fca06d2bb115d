import type {
  CloseOptions,
  Database,
  DescribeOptions,
  Lease,
  LeaseRequest,
  LeaseTaker,
} from '../../../src/database-adapter.ts'
import { onShutdown } from '../../../src/runtime/shutdown.ts'
import { Watch } from '../../../src/scope/watch.ts'
import { describeBudget, environmentsOf } from '../budget.ts'
import { DatabaseBusyError, DatabaseClosedError } from '../errors.ts'
import { Acquisition, type AcquisitionSettings } from './acquisition.ts'
import { connectErrorOf } from './attempts.ts'
import { doneWithin } from './bounded.ts'
import { deadlineOf } from './closing.ts'
import type { PoolDriver } from './driver.ts'
import type { Acquired, LeaseSettings, PooledLease } from './pooled-lease.ts'
import { noAnswer } from './system-errors.ts'
import { Turns } from './turns.ts'

/** What a pooled database is made of. */
export interface PoolSettings<P, L, M> extends Omit<LeaseSettings<L, M>, 'name' | 'turns' | 'lent'> {
  readonly driver: PoolDriver<P, L>
  /** This worker's share of the connections. */
  readonly share: number
  /** Milliseconds. */
  readonly acquireTimeout: number
  /** Whether to note where a client is asked for. */
  readonly stacks: boolean
}

/** A pool that is open, and what those who ask for its connections are given. */
interface Opened<P, L, M> {
  readonly pool: P
  readonly acquisitions: AcquisitionSettings<P, L, M>
}

type State<P, L, M> =
  | { readonly kind: 'unopened' }
  | { readonly kind: 'opening'; readonly opened: Promise<Opened<P, L, M>> }
  | { readonly kind: 'open'; readonly opened: Opened<P, L, M>; readonly unregister: () => void }
  | { readonly kind: 'closed'; readonly closed: Promise<void> }

/** One worker's pool, opened when first asked for, whose connections are lent to requests and come back clean. */
export class LeasedPool<P, L, M> implements Database<M, P> {
  readonly name: string
  readonly #settings: PoolSettings<P, L, M>
  readonly #waiting: Watch<Acquisition<P, L, M>> = new Watch()
  readonly #lent: Watch<PooledLease<L, M>> = new Watch()
  #state: State<P, L, M> = { kind: 'unopened' }

  constructor(settings: PoolSettings<P, L, M>) {
    this.name = settings.driver.name
    this.#settings = settings
  }

  get pool(): Promise<P> {
    const pool = this.#open().then((opened) => opened.pool)
    pool.catch(() => {})
    return pool
  }

  acquire(request: LeaseRequest): Promise<Lease<M>> {
    return new Promise((resolve, reject) => this.lend(request, { take: resolve, refuse: reject }))
  }

  lend(request: LeaseRequest, taker: LeaseTaker<M>): void {
    const acquired = this.#settings.stacks ? stackOf(this.lend) : undefined
    if (this.#state.kind === 'open') this.#lendFrom(this.#state.opened, request, taker, acquired)
    else
      this.#open().then(
        (opened) => this.#lendFrom(opened, request, taker, acquired),
        (error) => taker.refuse(error),
      )
  }

  async describe(options?: DescribeOptions): Promise<string> {
    const environments = environmentsOf(this.name, options)
    const opened = await this.#open()
    return describeBudget(this.name, this.#settings.share, environments, await this.#maxConnections(opened))
  }

  async close(options?: CloseOptions): Promise<void> {
    const deadline = deadlineOf(this.name, options)
    if (this.#state.kind !== 'closed') this.#state = { kind: 'closed', closed: this.#close(deadline) }
    return this.#state.closed
  }

  #lendFrom(
    { acquisitions }: Opened<P, L, M>,
    request: LeaseRequest,
    taker: LeaseTaker<M>,
    acquired: Acquired | undefined,
  ): void {
    if (request.signal.aborted) taker.refuse(request.signal.reason)
    else new Acquisition(acquisitions, request, acquired, taker)
  }

  async #open(): Promise<Opened<P, L, M>> {
    const state = this.#state
    switch (state.kind) {
      case 'open':
      case 'opening':
        return state.opened
      case 'closed':
        throw new DatabaseClosedError(this.name)
      case 'unopened': {
        const opened = this.#opened()
        this.#state = { kind: 'opening', opened }
        return opened
      }
      default:
        return state satisfies never
    }
  }

  async #opened(): Promise<Opened<P, L, M>> {
    try {
      const pool = await this.#openDriver()
      if (this.#state.kind === 'closed') {
        await this.#settings.driver.close(pool, Date.now())
        throw new DatabaseClosedError(this.name)
      }
      const unregister = onShutdown(this.name, (shutdown) => this.close(shutdown))
      const opened = { pool, acquisitions: this.#acquisitionsFrom(pool) }
      this.#state = { kind: 'open', opened, unregister }
      return opened
    } catch (error) {
      if (this.#state.kind === 'opening') this.#state = { kind: 'unopened' }
      throw error
    }
  }

  async #openDriver(): Promise<P> {
    const { driver } = this.#settings
    try {
      return await driver.open()
    } catch (error) {
      throw connectErrorOf(driver, error, { attempts: 1, transient: false })
    }
  }

  #acquisitionsFrom(pool: P): AcquisitionSettings<P, L, M> {
    const { driver, share, acquireTimeout } = this.#settings
    const turns = new Turns(driver, pool, share)
    const leases = { ...this.#settings, name: driver.name, turns, lent: this.#lent }
    const tooLate = (waited: number): Error => {
      const { silence } = turns
      // Else it has waited for others for most of its time.
      return this.#lent.size === 0 && silence > waited / 2 ? this.#unanswered(silence) : this.#busy(waited)
    }
    return { driver, turns, leases, acquireTimeout, waiting: this.#waiting, tooLate }
  }

  async #close(deadline: number): Promise<void> {
    if (this.#state.kind !== 'open') return
    const { opened, unregister } = this.#state
    unregister()
    for (const acquisition of this.#waiting.all()) acquisition.fail(new DatabaseClosedError(this.name))
    await this.#settings.driver.close(opened.pool, deadline)
  }

  async #maxConnections({ pool, acquisitions }: Opened<P, L, M>): Promise<number> {
    const { driver, acquireTimeout } = acquisitions
    const asked = driver.maxConnections(pool).catch((error) => {
      throw connectErrorOf(driver, error, { attempts: 1, transient: driver.diagnose(error).kind === 'transient' })
    })
    if (await doneWithin(acquireTimeout, asked)) return asked
    throw this.#lent.size < this.#settings.share ? this.#unanswered(acquireTimeout) : this.#busy(acquireTimeout)
  }

  /** Nobody has a connection: the server is not to be reached. */
  #unanswered(waited: number): Error {
    return connectErrorOf(this.#settings.driver, noAnswer(waited), { attempts: 1, transient: true })
  }

  #busy(waited: number): DatabaseBusyError {
    const { size: lent } = this.#lent
    const connections = this.#settings.share
    return new DatabaseBusyError({ database: this.name, waited: Math.round(waited), lent, connections })
  }
}

const stackOf = (above: (...args: never[]) => unknown): Acquired => {
  const acquired: { stack?: string } = {}
  Error.captureStackTrace(acquired, above)
  return acquired
}
