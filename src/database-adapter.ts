import { ManagedError } from './errors.ts'
import type { Ending } from './scope/scope.ts'

/** What an adapter is told of whoever asks for a lease. */
export interface LeaseRequest {
  /** Ends the wait for the lease; once it is lent, ends what is running on it. */
  readonly signal: AbortSignal
  /** When the wait for the lease ends, in milliseconds since the epoch; `Infinity` without a deadline. */
  readonly deadline: number
  /** To be called when the handler itself gives the client back: it leads to {@link Lease.end}. */
  giveBack(): Promise<void>
}

/** One client lent to one request. */
export interface Lease<out L> {
  /** What the handler gets. */
  readonly client: L
  /**
   * Takes the client back; a second call does nothing. Any use of it fails from here on, with a
   * {@link RequestEndedError} if the request has ended, else with a {@link LeaseReleasedError}. Returns nothing if
   * nothing has to be awaited.
   *
   * @param ending - how the request ended; `undefined` if it goes on.
   */
  end(ending: Ending | undefined): Promise<void> | undefined
}

/** Who waits for a lease: called once, with the lease or with why there is none. */
export interface LeaseTaker<in L> {
  /** Has it. A request that has ended meanwhile gives it back at once. */
  take(lease: Lease<L>): void
  /** Has none, and why. */
  refuse(error: unknown): void
}

/** How many environments to count with. */
export interface DescribeOptions {
  /** How many execution environments there may be at once. @defaultValue 1 */
  environments?: number
}

/** When to give up. */
export interface CloseOptions {
  /** When everything must be closed, in milliseconds since the epoch. @defaultValue in one second */
  deadline?: number
}

/**
 * What `database()` takes: one driver and its configuration, made once for a worker. An adapter for another driver
 * implements this.
 *
 * @typeParam L - what a request is lent.
 * @typeParam P - the driver's own pool or client.
 *
 * @example
 * ```ts
 * import type { Database } from 'middy-managed-instances/database'
 *
 * export const nothing: Database<undefined> = {
 *   name: 'nothing',
 *   pool: Promise.resolve(undefined),
 *   acquire: async () => ({ client: undefined, end: () => undefined }),
 *   describe: async () => 'nothing: no connections',
 *   close: async () => {},
 * }
 * ```
 */
export interface Database<out L, out P = unknown> {
  /** The adapter's name, for messages. */
  readonly name: string
  /** The driver's own pool or client; asking for it opens it, which connects to nothing yet if the driver is lazy. */
  readonly pool: Promise<P>
  /**
   * Lends a client. It rejects when the signal aborts, with its reason, and at the deadline; a client that comes later
   * goes back by itself. A failed attempt is not remembered.
   */
  acquire(request: LeaseRequest): Promise<Lease<L>>
  /**
   * The same without a promise, which a request under load would wait for a turn longer. `database()` calls it if it is
   * there, and `acquire()` if not.
   */
  lend?(request: LeaseRequest, taker: LeaseTaker<L>): void
  /** Says in one line how many connections there may be: workers, connections of each, and environments. */
  describe(options?: DescribeOptions): Promise<string>
  /** Closes everything, at the latest at the deadline, also while clients are lent. A second call does nothing. */
  close(options?: CloseOptions): Promise<void>
}

/**
 * A client was used, or given back, after it had been given back.
 *
 * @example
 * ```ts
 * import { LeaseReleasedError } from 'middy-managed-instances/database'
 *
 * const isUsedTooLate = (error: unknown): boolean => error instanceof LeaseReleasedError
 * ```
 */
export class LeaseReleasedError extends ManagedError<{ readonly database: string; readonly use: string }> {
  override readonly name = 'LeaseReleasedError'
  readonly code = 'LEASE_RELEASED'

  constructor(database: string, use: string) {
    super(
      `${database}: ${use} on a client that has been given back. Ask for another one with db.client() or db.acquire(), ` +
        'and give back each once; what the request still holds at its end goes back by itself.',
      { database, use },
    )
  }
}
