import { LeaseReleasedError, type LeaseRequest } from '../../../src/database-adapter.ts'
import { RequestEndedError } from '../../../src/errors.ts'
import type { Ending } from '../../../src/scope/scope.ts'

/**
 * What is to be done with a connection that comes back: nothing (`clean`); its session was changed (`dirty`); a
 * transaction is open (`transaction`); something is running on it (`busy`); it can't be used any more (`broken`).
 */
export type ConnectionState = 'clean' | 'dirty' | 'transaction' | 'busy' | 'broken'

/** Who has a connection, to be told when the client is given back. */
export type Borrower = Pick<LeaseRequest, 'giveBack'>

/** What a use of a client fails with after the lease has ended: with its request, or before it. */
export const endedError = (database: string, use: string, ending: Ending | undefined): Error =>
  ending === undefined
    ? new LeaseReleasedError(database, use)
    : new RequestEndedError(`${database} client`, ending.outcome)

/** What a query fails with that waited behind a cancelled one; `code` is that of a query the server has cancelled. */
export const notSentError = (database: string, code: string): Error => {
  const message = `${database}: the query was not sent, because its request is over or was told to stop.`
  return Object.assign(new Error(message), { code })
}

/** One physical connection of a driver's pool. */
export interface PoolConnection<L> {
  readonly state: ConnectionState
  /** The client as one request sees it. */
  lend(borrower: Borrower): L
  /** Makes every further use of that client fail with an {@link endedError}. What is running goes on. */
  revoke(ending: Ending | undefined): void
  /** Resolves when nothing is running on it any more, or it is broken. Never rejects. */
  settled(): Promise<void>
  /** Has the server end what is running. Resolves when the server has been told for certain. */
  cancel(): Promise<void>
  rollback(): Promise<unknown>
  /** Makes the session as good as new. What was prepared by the driver stays. */
  reset(): Promise<unknown>
  /** Puts it back into the pool, or takes it out of it and ends it. */
  checkIn(fate: 'keep' | 'destroy'): void
}

/** What a failed attempt to connect means. */
export interface ConnectProblem {
  /** `transient`: may pass by itself; `authentication`: other credentials may help; `permanent`: neither. */
  readonly kind: 'transient' | 'authentication' | 'permanent'
  /** What to do about it, as a sentence. */
  readonly remedy: string
}

/** How a pooled database speaks to one driver. */
export interface PoolDriver<P, L> {
  readonly name: string
  /** Loads the driver and makes its pool. Connects to nothing. */
  open(): Promise<P>
  /** Takes a connection out of the pool, or opens one, once, and calls back. */
  checkOut(pool: P, done: (error: unknown, connection?: PoolConnection<L>) => void): void
  /**
   * Whether a connection that came back clean may go to the next request without having been in the pool: it is not due
   * to be replaced, and nobody else waits for it there. Without it, every connection goes back to the pool.
   */
  mayPassOn?(pool: P, connection: PoolConnection<L>): boolean
  diagnose(error: unknown): ConnectProblem
  /** Whether credentials asked for again may be other ones. */
  readonly credentialsCanChange: boolean
  /** How many connections the server accepts. */
  maxConnections(pool: P): Promise<number>
  /** Ends the pool: gracefully until the deadline, then at once. */
  close(pool: P, deadline: number): Promise<void>
}
