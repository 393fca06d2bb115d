import type { Database, Lease, LeaseRequest, LeaseTaker } from '../../src/database-adapter.ts'
import { LeaseReleasedError } from '../../src/database-adapter.ts'
import { RequestEndedError } from '../../src/errors.ts'
import type { ReleaseOwner } from '../../src/scope/release-stack.ts'
import type { Outcome, ReleaseEnding, Scope } from '../../src/scope/scope.ts'
import type { Db } from './database.ts'

type RequestScope = Scope & ReleaseOwner

const ignore = (): void => {}

/** One client of a request, from when it is asked for until it goes back. */
class RequestLease<L> implements LeaseRequest, LeaseTaker<L> {
  readonly #owner: RequestDatabase<L, unknown>
  readonly #scope: RequestScope
  readonly #client = Promise.withResolvers<L>()
  readonly #asked: number | undefined
  #lease: Lease<L> | undefined
  #release: (() => Promise<void> | undefined) | undefined
  #givenBack = false

  constructor(owner: RequestDatabase<L, unknown>, scope: RequestScope) {
    this.#owner = owner
    this.#scope = scope
    this.#asked = scope.recording ? performance.now() : undefined
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get deadline(): number {
    return this.#scope.deadline - this.#scope.policy.reserve
  }

  get client(): Promise<L> {
    return this.#client.promise
  }

  isOf(client: L): boolean {
    return this.#lease !== undefined && this.#lease.client === client
  }

  /** Holds the lease until the request ends; on a request that has ended it goes back at once. */
  take(lease: Lease<L>): void {
    this.#record(1)
    this.#lease = lease
    try {
      this.#release = this.#scope.hold('database client', (ending) => this.#end(ending))
      this.#client.resolve(lease.client)
    } catch (error) {
      this.#reject(error)
    }
  }

  refuse(error: unknown): void {
    this.#record(0)
    this.#owner.forget(this)
    this.#reject(error)
  }

  async giveBack(): Promise<void> {
    this.#givenBack = true
    this.#owner.forget(this)
    await this.#release?.()
  }

  #end(ending: ReleaseEnding): Promise<void> | undefined {
    return this.#lease?.end(this.#givenBack ? undefined : ending)
  }

  #reject(error: unknown): void {
    // Who asked may have ended without waiting for it.
    if (this.#scope.signal.aborted || this.#scope.outcome !== undefined) this.client.catch(ignore)
    this.#client.reject(error)
  }

  /** Records a wait that is over, if anybody listened when it began. */
  #record(leases: 0 | 1): void {
    if (this.#asked === undefined) return
    this.#scope.record({ name: 'LeaseWait', unit: 'Milliseconds', value: performance.now() - this.#asked })
    this.#scope.record({ name: 'Leases', unit: 'Count', value: leases })
  }
}

/** What one request has of a database. Nothing is taken before it is asked for. */
export class RequestDatabase<L, P> implements Db<L, P> {
  readonly #scope: RequestScope
  readonly #database: Database<L, P>
  #first: RequestLease<L> | undefined
  #others: RequestLease<L>[] | undefined

  constructor(scope: Scope, database: Database<L, P>) {
    this.#scope = scope as RequestScope
    this.#database = database
  }

  get pool(): Promise<P> {
    return this.#database.pool
  }

  client(): Promise<L> {
    if (this.#scope.outcome !== undefined) return this.#refuse(this.#scope.outcome)
    if (this.#first !== undefined) return this.#first.client
    this.#first = new RequestLease(this, this.#scope)
    return this.#ask(this.#first)
  }

  acquire(): Promise<L> {
    if (this.#scope.outcome !== undefined) return this.#refuse(this.#scope.outcome)
    const lease = new RequestLease<L>(this, this.#scope)
    this.#others ??= []
    this.#others.push(lease)
    return this.#ask(lease)
  }

  async release(client: L): Promise<void> {
    const lease = [this.#first, ...(this.#others ?? [])].find((candidate) => candidate?.isOf(client))
    if (lease === undefined) throw new LeaseReleasedError(this.#database.name, 'release()')
    await lease.giveBack()
  }

  /** No longer counts a lease as this request's: it went back, or never came. */
  forget(lease: RequestLease<L>): void {
    if (lease === this.#first) this.#first = undefined
    else this.#others = this.#others?.filter((candidate) => candidate !== lease)
  }

  /** Asks for what it shall hold, which may be there, or refused, at once. */
  #ask(lease: RequestLease<L>): Promise<L> {
    try {
      if (this.#database.lend !== undefined) this.#database.lend(lease, lease)
      else
        this.#database.acquire(lease).then(
          (lent) => lease.take(lent),
          (error) => lease.refuse(error),
        )
    } catch (error) {
      lease.refuse(error)
    }
    return lease.client
  }

  #refuse(outcome: Outcome): Promise<never> {
    const refused = Promise.reject(new RequestEndedError(`${this.#database.name} client`, outcome))
    refused.catch(ignore)
    return refused
  }
}
