import { followQuery, type Query, type QueryPrimitives, silence } from './query.ts'

/** The queries that run on one connection, and those that are being cancelled. */
export class RunningQueries {
  readonly #cancel: QueryPrimitives['cancel']
  readonly #isSecure: boolean
  readonly #queries = new Set<Query>()
  /** One for each query: the second one would find the next query. */
  readonly #cancellations = new Map<Query, Promise<void>>()
  #settling: PromiseWithResolvers<void> | undefined

  constructor(cancel: QueryPrimitives['cancel'], isSecure: boolean) {
    this.#cancel = cancel
    this.#isSecure = isSecure
  }

  /** Whether there are any. Until no late cancellation can meet the next query, there are. */
  get any(): boolean {
    return this.#queries.size > 0 || this.#cancellations.size > 0
  }

  /** Counts a query until it has left the connection, and calls `ended` with the error it failed with. */
  follow(query: Query, ended: (error: unknown) => void): void {
    this.#queries.add(query)
    followQuery(query, (error) => {
      this.#queries.delete(query)
      this.#settle()
      ended(error)
    })
  }

  /** Keeps those whose failure nobody may be left to hear of from ending the worker, as it does each that is cancelled. */
  silence(): void {
    for (const query of this.#queries) silence(query)
  }

  /** Resolves when there are none, or the connection is lost. */
  settled(): Promise<void> {
    if (!this.any) return Promise.resolve()
    this.#settling ??= Promise.withResolvers()
    return this.#settling.promise
  }

  /** Waits for none any more: the connection is lost. */
  giveUp(): void {
    this.#settling?.resolve()
    this.#settling = undefined
  }

  /** Has the server end them all. */
  async cancelAll(): Promise<void> {
    await Promise.all(Array.from(this.#queries, (query) => this.cancel(query)))
  }

  /**
   * Has the server end one.
   *
   * @throws if it can't be known that no late cancellation meets the next query.
   */
  cancel(query: Query): Promise<void> {
    const underWay = this.#cancellations.get(query)
    if (underWay !== undefined) return underWay
    const cancellation = this.#cancelOnce(query).finally(() => {
      this.#cancellations.delete(query)
      this.#settle()
    })
    this.#cancellations.set(query, cancellation)
    return cancellation
  }

  async #cancelOnce(query: Query): Promise<void> {
    // Between two steps of a cursor there is nothing to cancel, and the next step is up to who reads it.
    if (query.cursorRows !== undefined) throw new Error('A cursor is open.')
    silence(query)
    const told = this.#cancel(query)
    // Without TLS that resolves when the server has hung up; with it, postgres.js does not see it through.
    await (this.#isSecure ? Promise.race([told, failsOfIt(query)]) : told)
  }

  #settle(): void {
    if (!this.any) this.giveUp()
  }
}

/** Resolves if a query fails of its cancellation, and rejects if it ends in any other way. */
const failsOfIt = (query: Query): Promise<void> =>
  new Promise((resolve, reject) => {
    const ended = (error?: { code?: unknown; message?: unknown }): void => {
      // A timeout of the server's has the same code.
      if (error?.code === '57014' && String(error.message).includes('user request')) resolve()
      else reject(new Error('It has ended before it was cancelled.'))
    }
    Promise.prototype.then.call(query, () => ended(), ended)
  })
