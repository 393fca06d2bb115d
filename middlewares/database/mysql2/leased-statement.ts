import type { PreparedStatement } from './internals.ts'
import type { LeasedConnection } from './leased-connection.ts'

/** A prepared statement as one request sees it: good for as long as its client is. */
export class LeasedStatement {
  /** What mysql2's promises ask for its configuration. */
  readonly _connection: LeasedConnection
  readonly #options: unknown
  readonly #statement: PreparedStatement

  constructor(connection: LeasedConnection, options: unknown, statement: PreparedStatement) {
    this._connection = connection
    this.#options = options
    this.#statement = statement
  }

  get query(): string {
    return this.#statement.query
  }

  get id(): number {
    return this.#statement.id
  }

  get columns(): readonly unknown[] {
    return this.#statement.columns
  }

  get parameters(): readonly unknown[] {
    return this.#statement.parameters
  }

  execute(...parametersAndCallback: unknown[]): unknown {
    return this._connection.executePrepared(this.#statement, parametersAndCallback)
  }

  /** Also forgets it: who prepares the same text next must not get one that is closed. */
  close(): void {
    this._connection.unprepare(this.#options)
  }
}
