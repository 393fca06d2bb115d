import { tickInterval, Watch, type Watched } from '../../../src/scope/watch.ts'
import type { PgConnection } from './connection.ts'

/**
 * The connections that came back a moment ago, for requests that come soon: through node-postgres' pool, a connection
 * takes as long as all else there is to a short query on our side. Those that nobody wants go into the pool at the next tick.
 */
export class AtHand implements Watched {
  index = 0
  due: number | undefined
  readonly #watch: Watch<AtHand> = new Watch()
  readonly #connections: PgConnection[] = []

  put(connection: PgConnection): void {
    this.#connections.push(connection)
    if (this.#watch.size > 0) return
    this.due = undefined
    this.#watch.add(this)
  }

  take(): PgConnection | undefined {
    return this.#connections.pop()
  }

  /** Puts all into the pool. */
  clear(): void {
    for (let connection = this.take(); connection !== undefined; connection = this.take()) connection.release()
  }

  /** Takes a connection out of use that is lost. Tells whether it was there. */
  drop(connection: PgConnection): boolean {
    const index = this.#connections.indexOf(connection)
    if (index === -1) return false
    this.#connections.splice(index, 1)
    connection.release(true)
    return true
  }

  look(): number {
    this.clear()
    if (this.#connections.length > 0) return tickInterval
    this.#watch.remove(this)
    return Number.POSITIVE_INFINITY
  }
}
