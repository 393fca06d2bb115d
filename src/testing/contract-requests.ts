import { AssertionError, notEqual, rejects } from 'node:assert/strict'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Database, Lease, LeaseRequest } from '../database-adapter.ts'
import { isManagedError } from '../errors.ts'

/** What an adapter's clients are used with. */
interface Uses<L> {
  readonly use: (client: L) => Promise<unknown>
  readonly borrow: (client: L, work: (connection: unknown) => Promise<void>) => Promise<unknown>
}

/** A request that has a connection until it lets go of it. */
interface Holder {
  /** What tells its connection from others. */
  readonly connection: unknown
  /** Ends the request, and fails with what it ran. */
  readonly release: () => Promise<unknown>
}

/** How a request ends whose handler returns. */
export const ended = { outcome: 'returned', handlerSettled: true } as const

const forever = new AbortController().signal

/** A request as `database()` makes one. */
export const requestOf = (
  signal: AbortSignal = forever,
  deadline: number = Number.POSITIVE_INFINITY,
): LeaseRequest => ({
  signal,
  deadline,
  giveBack: async () => {},
})

/** One that waits for so many milliseconds at most. */
export const requestFor = (milliseconds: number): LeaseRequest => requestOf(forever, Date.now() + milliseconds)

/** Milliseconds that show that no connection comes free. */
export const moment = 50

/** Milliseconds that a connection may take to come, and to come back in order. */
export const patience = 3_000

export const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    isManagedError(error) && error.code === code

export const isRetryable = (error: unknown): boolean => isManagedError(error) && error.retryable

/** Fails if something takes too long, without waiting for its end. */
export const within = async <T>(milliseconds: number, work: Promise<T>, what: string): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const message = `${what} took longer than ${milliseconds} ms`
  const timer = setTimeout(() => late.reject(new AssertionError({ message, operator: 'fail' })), milliseconds)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Requests to one database, and what they expect of it. */
export class ContractRequests<L> {
  readonly db: Database<L>
  readonly #use: Uses<L>['use']
  readonly #borrow: Uses<L>['borrow']

  constructor(db: Database<L>, { use, borrow }: Uses<L>) {
    this.db = db
    this.#use = use
    this.#borrow = borrow
  }

  /** As `database()` does: what a client gives back by itself ends its lease. */
  async lend(request: LeaseRequest = requestOf(), heard: () => void = () => {}): Promise<Lease<L>> {
    const giveBack = async (): Promise<void> => {
      heard()
      await lease.end(undefined)
    }
    const lease = await this.db.acquire({ ...request, giveBack })
    return lease
  }

  /** Uses a client once. */
  serve(request?: LeaseRequest): Promise<unknown> {
    return within(patience, this.#during(request, this.#use), 'a request')
  }

  /** Resolves once the request has a connection. */
  async hold(request?: LeaseRequest): Promise<Holder> {
    const holding = Promise.withResolvers<unknown>()
    const released = Promise.withResolvers<void>()
    const hold = (connection: unknown): Promise<void> => {
      holding.resolve(connection)
      return released.promise
    }
    const serving = this.#during(request, (client) => this.#borrow(client, hold))
    serving.catch(holding.reject)
    const release = (): Promise<unknown> => {
      released.resolve()
      return serving
    }
    return { connection: await within(patience, holding.promise, 'the wait for a connection'), release }
  }

  /** Two requests that have a connection each, which are all. */
  async holdAll(): Promise<Pick<Holder, 'release'> & { readonly connections: [unknown, unknown] }> {
    const [first, second] = await Promise.all([this.hold(), this.hold()])
    const release = (): Promise<unknown> => Promise.all([first.release(), second.release()])
    return { connections: [first.connection, second.connection], release }
  }

  /** Two requests that wait: one for a use, one to hold a connection. */
  waits(request: LeaseRequest): Promise<unknown>[] {
    return [this.serve(request), this.hold(request)]
  }

  /** Does the same in two requests at once. */
  inTwo<R>(work: (client: L) => Promise<R>): Promise<R[]> {
    return within(patience, this.#inTwo(work), 'one of two requests')
  }

  /** Expects no connection for one more request. */
  async expectNoneLeft(): Promise<void> {
    await within(500, rejects(this.serve(requestFor(moment)), isRetryable), 'the wait of one more request')
  }

  /** Expects a connection each for two requests, and none for a third one. */
  async expectAllThere(): Promise<void> {
    const { connections, release } = await this.holdAll()
    notEqual(...connections)
    await this.expectNoneLeft()
    await release()
  }

  /** Expects every use of a client to fail. */
  async expectRefused(client: L, code: string): Promise<void> {
    const uses = [async () => this.#use(client), async () => this.#borrow(client, async () => {})]
    await within(1_000, Promise.all(uses.map((use) => rejects(use, hasCode(code)))), 'the refusal')
  }

  async #during<R>(request: LeaseRequest | undefined, work: (client: L) => Promise<R>): Promise<R> {
    const lease = await this.lend(request)
    try {
      return await work(lease.client)
    } finally {
      await lease.end(ended)
    }
  }

  async #inTwo<R>(work: (client: L) => Promise<R>): Promise<R[]> {
    const leases = await Promise.all([this.lend(), this.lend()])
    const results = await Promise.all(leases.map(({ client }) => work(client)))
    for (const lease of leases) await lease.end(ended)
    return results
  }
}
