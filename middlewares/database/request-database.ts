import type { Database, LeaseRequest } from '../../src/database-adapter.ts'
import { LeaseReleasedError } from '../../src/database-adapter.ts'
import { RequestEndedError } from '../../src/errors.ts'
import type { ReleaseOwner } from '../../src/scope/release-stack.ts'
import type { Scope } from '../../src/scope/scope.ts'
import type { Db } from './database.ts'

/** One client of a request, from when it is asked for until it is given back. */
class RequestLease<L> implements LeaseRequest {
  readonly scope: Scope & ReleaseOwner
  client: L | undefined
  #release: (() => Promise<void>) | undefined
  readonly #given: (lease: RequestLease<L>) => void
  #early = false

  constructor(scope: Scope & ReleaseOwner, given: (lease: RequestLease<L>) => void) {
    this.scope = scope
    this.#given = given
  }

  get signal(): AbortSignal {
    return this.scope.signal
  }

  get deadline(): number {
    return this.scope.deadline - this.scope.policy.reserve
  }

  async take(database: Database<L>): Promise<L> {
    const lease = await database.acquire(this)
    this.client = lease.client
    this.#release = this.scope.defer('database client', (ending) => lease.end(this.#early ? undefined : ending))
    return lease.client
  }

  readonly giveBack = async (): Promise<void> => {
    this.#early = true
    this.#given(this)
    await this.#release?.()
  }
}

/** What one request has of a database. Nothing is taken before it is asked for. */
export class RequestDatabase<L, P> implements Db<L, P> {
  readonly #scope: Scope & ReleaseOwner
  readonly #database: Database<L, P>
  #client: Promise<L> | undefined
  #leases: RequestLease<L>[] | undefined

  constructor(scope: Scope, database: Database<L, P>) {
    this.#scope = scope as Scope & ReleaseOwner
    this.#database = database
  }

  get pool(): Promise<P> {
    return this.#database.pool
  }

  client(): Promise<L> {
    if (this.#client === undefined) {
      const given = (): void => {
        if (this.#client === client) this.#client = undefined
      }
      const client = this.#lend(given)
      this.#client = client
      client.catch(given)
    }
    return this.#client
  }

  acquire(): Promise<L> {
    return this.#lend()
  }

  async release(client: L): Promise<void> {
    const lease = this.#leases?.find((candidate) => candidate.client === client)
    if (lease === undefined) throw new LeaseReleasedError(this.#database.name, 'release()')
    await lease.giveBack()
  }

  async #lend(given?: () => void): Promise<L> {
    const { outcome } = this.#scope
    if (outcome !== undefined) throw new RequestEndedError(`${this.#database.name} client`, outcome)
    const lease = new RequestLease<L>(this.#scope, () => {
      given?.()
      this.#leases = this.#leases?.filter((candidate) => candidate !== lease)
    })
    const client = await lease.take(this.#database)
    this.#leases ??= []
    this.#leases.push(lease)
    return client
  }
}
