import type { CloseOptions, Database, DescribeOptions, Lease, LeaseRequest } from '../../../src/database-adapter.ts'
import { onShutdown } from '../../../src/runtime/shutdown.ts'
import { describeBudget } from '../budget.ts'
import { DatabaseBusyError, DatabaseClosedError } from '../errors.ts'
import { Acquisition, type AcquisitionSettings } from './acquisition.ts'
import type { PoolDriver } from './driver.ts'
import type { Acquired, LeaseSettings, PooledLease } from './pooled-lease.ts'
import { Watch } from './watch.ts'

const closeBound = 1_000

/** What a pooled database is made of. */
export interface PoolSettings<P, L, M> extends Omit<LeaseSettings<L, M>, 'name' | 'lent'> {
  readonly driver: PoolDriver<P, L>
  /** This worker's share of the connections. */
  readonly share: number
  /** Milliseconds. */
  readonly acquireTimeout: number
  /** Whether to note where a client is asked for. */
  readonly stacks: boolean
}

type State<P> =
  | { readonly kind: 'unopened' }
  | { readonly kind: 'opening'; readonly pool: Promise<P> }
  | { readonly kind: 'open'; readonly pool: P; readonly unregister: () => void }
  | { readonly kind: 'closed'; readonly closed: Promise<void> }

/** One worker's pool, opened when first asked for, whose connections are lent to requests and come back clean. */
export class LeasedPool<P, L, M> implements Database<M, P> {
  readonly name: string
  readonly #settings: PoolSettings<P, L, M>
  readonly #waiting: Watch<Acquisition<P, L, M>> = new Watch()
  readonly #lent: Watch<PooledLease<L, M>> = new Watch()
  readonly #acquisitions: AcquisitionSettings<P, L, M>
  #state: State<P> = { kind: 'unopened' }

  constructor(settings: PoolSettings<P, L, M>) {
    const { driver, acquireTimeout } = settings
    this.name = driver.name
    this.#settings = settings
    const leases = { ...settings, name: driver.name, lent: this.#lent }
    const busy = (waited: number): DatabaseBusyError => this.#busy(waited)
    this.#acquisitions = { driver, leases, acquireTimeout, waiting: this.#waiting, busy }
  }

  get pool(): Promise<P> {
    const pool = this.#open()
    pool.catch(() => {})
    return pool
  }

  acquire(request: LeaseRequest): Promise<Lease<M>> {
    const acquired = this.#settings.stacks ? stackOf(this.acquire) : undefined
    if (this.#state.kind === 'open') return this.#acquireFrom(this.#state.pool, request, acquired)
    return this.#open().then((pool) => this.#acquireFrom(pool, request, acquired))
  }

  async describe({ environments = 1 }: DescribeOptions = {}): Promise<string> {
    const { driver, share } = this.#settings
    const maxConnections = await driver.maxConnections(await this.#open())
    return describeBudget(this.name, share, environments, maxConnections)
  }

  close({ deadline = Date.now() + closeBound }: CloseOptions = {}): Promise<void> {
    if (this.#state.kind !== 'closed') this.#state = { kind: 'closed', closed: this.#close(deadline) }
    return this.#state.closed
  }

  #acquireFrom(pool: P, request: LeaseRequest, acquired: Acquired | undefined): Promise<Lease<M>> {
    return new Promise((resolve, reject) => {
      if (request.signal.aborted) reject(request.signal.reason)
      else new Acquisition(this.#acquisitions, pool, request, acquired, resolve, reject)
    })
  }

  async #open(): Promise<P> {
    const state = this.#state
    switch (state.kind) {
      case 'open':
      case 'opening':
        return state.pool
      case 'closed':
        throw new DatabaseClosedError(this.name)
      case 'unopened': {
        const pool = this.#opened()
        this.#state = { kind: 'opening', pool }
        return pool
      }
      default:
        return state satisfies never
    }
  }

  async #opened(): Promise<P> {
    try {
      const pool = await this.#settings.driver.open()
      if (this.#state.kind === 'closed') {
        await this.#settings.driver.close(pool, Date.now())
        throw new DatabaseClosedError(this.name)
      }
      const unregister = onShutdown(this.name, (shutdown) => this.close(shutdown))
      this.#state = { kind: 'open', pool, unregister }
      return pool
    } catch (error) {
      if (this.#state.kind === 'opening') this.#state = { kind: 'unopened' }
      throw error
    }
  }

  async #close(deadline: number): Promise<void> {
    if (this.#state.kind !== 'open') return
    const { pool, unregister } = this.#state
    unregister()
    for (const acquisition of this.#waiting.all()) acquisition.fail(new DatabaseClosedError(this.name))
    await this.#settings.driver.close(pool, deadline)
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
