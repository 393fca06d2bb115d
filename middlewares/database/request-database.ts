import type { Database, Lease, LeaseRequest } from '../../src/database-adapter.ts'
import { LeaseReleasedError } from '../../src/database-adapter.ts'
import { RequestEndedError } from '../../src/errors.ts'
import type { ReleaseOwner } from '../../src/scope/release-stack.ts'
import type { Outcome, ReleaseEnding, Scope } from '../../src/scope/scope.ts'
import type { Db } from './database.ts'

type RequestScope = Scope & ReleaseOwner

const ignore = (): void => {}

/** One client of a request, from when it is asked for until it goes back. */
class RequestLease<L> implements LeaseRequest {
  readonly #owner: RequestDatabase<L, unknown>
  readonly #scope: RequestScope
  #lease: Lease<L> | undefined
  #release: (() => Promise<void>) | undefined
  #givenBack = false

  constructor(owner: RequestDatabase<L, unknown>, scope: RequestScope) {
    this.#owner = owner
    this.#scope = scope
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get deadline(): number {
    return this.#scope.deadline - this.#scope.policy.reserve
  }

  get client(): L | undefined {
    return this.#lease?.client
  }

  /** Holds the lease until the request ends; on a request that has ended it goes back at once. */
  hold(lease: Lease<L>): L {
    this.#lease = lease
    this.#release = this.#scope.defer('database client', (ending) => this.#end(ending))
    return lease.client
  }

  giveBack(): Promise<void> {
    this.#givenBack = true
    this.#owner.forget(this)
    return this.#release?.() ?? Promise.resolve()
  }

  #end(ending: ReleaseEnding): Promise<void> | undefined {
    return this.#lease?.end(this.#givenBack ? undefined : ending)
  }
}

/** What one request has of a database. Nothing is taken before it is asked for. */
export class RequestDatabase<L, P> implements Db<L, P> {
  readonly #scope: RequestScope
  readonly #database: Database<L, P>
  #first: RequestLease<L> | undefined
  #client: Promise<L> | undefined
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
    if (this.#client === undefined) {
      this.#first = new RequestLease(this, this.#scope)
      this.#client = this.#take(this.#first)
    }
    return this.#client
  }

  acquire(): Promise<L> {
    if (this.#scope.outcome !== undefined) return this.#refuse(this.#scope.outcome)
    const lease = new RequestLease<L>(this, this.#scope)
    this.#others ??= []
    this.#others.push(lease)
    return this.#take(lease)
  }

  async release(client: L): Promise<void> {
    const lease = [this.#first, ...(this.#others ?? [])].find((candidate) => candidate?.client === client)
    if (lease === undefined) throw new LeaseReleasedError(this.#database.name, 'release()')
    await lease.giveBack()
  }

  /** No longer counts a lease as this request's: it went back, or never came. */
  forget(lease: RequestLease<L>): void {
    if (lease === this.#first) {
      this.#first = undefined
      this.#client = undefined
    } else this.#others = this.#others?.filter((candidate) => candidate !== lease)
  }

  #take(lease: RequestLease<L>): Promise<L> {
    const asked = this.#scope.recording ? performance.now() : undefined
    const client = this.#database.acquire(lease).then(
      (taken) => {
        this.#record(asked, 1)
        // Who asked may have ended without waiting for it.
        if (this.#scope.outcome !== undefined) client.catch(ignore)
        return lease.hold(taken)
      },
      (error) => {
        this.#record(asked, 0)
        if (this.#scope.signal.aborted || this.#scope.outcome !== undefined) client.catch(ignore)
        this.forget(lease)
        throw error
      },
    )
    return client
  }

  /** Records a wait that is over, if anybody listened when it began. */
  #record(asked: number | undefined, leases: 0 | 1): void {
    if (asked === undefined) return
    this.#scope.record({ name: 'LeaseWait', unit: 'Milliseconds', value: performance.now() - asked })
    this.#scope.record({ name: 'Leases', unit: 'Count', value: leases })
  }

  #refuse(outcome: Outcome): Promise<never> {
    const refused = Promise.reject(new RequestEndedError(`${this.#database.name} client`, outcome))
    refused.catch(ignore)
    return refused
  }
}
