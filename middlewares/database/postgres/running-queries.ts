import { followQuery, type Query, type QueryPrimitives, silence } from './query.ts'

/** What runs on one connection: queries, their cancellations, the ends of transactions. */
export class RunningQueries {
  readonly #cancel: QueryPrimitives['cancel']
  readonly #isSecure: boolean
  readonly #queries = new Set<Query>()
  #others = 0
  #settling: PromiseWithResolvers<void> | undefined

  constructor(cancel: QueryPrimitives['cancel'], isSecure: boolean) {
    this.#cancel = cancel
    this.#isSecure = isSecure
  }

  /** Whether there are any. Until no late cancellation can meet the next query, there are. */
  get any(): boolean {
    return this.#queries.size > 0 || this.#others > 0
  }

  /** Counts something else, until {@link leave}. */
  enter(): void {
    this.#others += 1
  }

  leave(): void {
    this.#others -= 1
    this.#settle()
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

  /** Keeps those whose failure nobody may be left to hear of from ending the worker. */
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
  async cancel(query: Query): Promise<void> {
    // Between two steps of a cursor there is nothing to cancel, and the next step is up to who reads it.
    if (query.cursorRows !== undefined) throw new Error('A cursor is open.')
    this.enter()
    try {
      await Promise.race([this.#cancel(query), this.#failed(query)])
    } finally {
      this.leave()
    }
  }

  /** Over TLS postgres.js does not see its cancellation through: there is only the query to tell, which may fail of it. */
  #failed(query: Query): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = (error?: { code?: unknown }): void => {
        if (error?.code === '57014') resolve()
        else if (this.#isSecure) reject(new Error('It has ended before it was cancelled.'))
      }
      Promise.prototype.then.call(query, () => ended(), ended)
    })
  }

  #settle(): void {
    if (!this.any) this.giveUp()
  }
}
