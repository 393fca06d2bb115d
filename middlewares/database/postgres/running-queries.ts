import { followQuery, type Query, type QueryPrimitives, silence } from './query.ts'

/** The queries that run on one connection, and those that are being cancelled. */
export class RunningQueries {
  readonly #cancel: QueryPrimitives['cancel']
  readonly #queries = new Set<Query>()
  #cancelling = 0
  #settling: PromiseWithResolvers<void> | undefined

  constructor(cancel: QueryPrimitives['cancel']) {
    this.#cancel = cancel
  }

  /** Whether there are any. Until no late cancellation can meet the next query, there are. */
  get any(): boolean {
    return this.#queries.size > 0 || this.#cancelling > 0
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

  /** Has the server end one. */
  async cancel(query: Query): Promise<void> {
    // Between two steps of a cursor there is nothing to cancel, and the next step is up to who reads it.
    if (query.cursorRows !== undefined) throw new Error('A cursor is open.')
    this.#cancelling += 1
    const cancelled = new Promise<void>((resolve) => {
      Promise.prototype.then.call(query, undefined, (error: { code?: unknown }) => {
        if (error.code === '57014') resolve()
      })
    })
    try {
      // Over TLS postgres.js does not see its cancellation through; that the query has failed of it is as good.
      await Promise.race([this.#cancel(query), cancelled])
    } finally {
      this.#cancelling -= 1
      this.#settle()
    }
  }

  #settle(): void {
    if (!this.any) this.giveUp()
  }
}
