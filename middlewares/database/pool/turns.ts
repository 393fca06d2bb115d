import type { PoolConnection, PoolDriver } from './driver.ts'

/** Who asks for a connection, and has not got one. */
export interface Asking<L> {
  /** Gets a connection, unless nobody waits for it any more: then it is given back at once. */
  take(connection: PoolConnection<L>): void
  /** Could not be given one. */
  refuse(error: unknown): void
}

/**
 * Lends the connections of one worker in the order they are asked for. One that comes back clean goes straight to the
 * next request that waits: the driver's pool, whose own queue would cost both of them, never hears of it.
 */
export class Turns<P, L> {
  readonly #driver: PoolDriver<P, L>
  readonly #pool: P
  readonly #share: number
  readonly #queue: Asking<L>[] = []
  /** How many connections are out of the driver's pool, or asked of it. */
  #out = 0
  /** How many of those the driver has not answered for. */
  #awaited = 0
  /** Since when it has given none, though one is awaited. */
  #silentSince = 0
  #lent = 0
  #serving = false

  constructor(driver: PoolDriver<P, L>, pool: P, share: number) {
    this.#driver = driver
    this.#pool = pool
    this.#share = share
  }

  /** How many milliseconds the driver has been asked for a connection and given none. */
  get silence(): number {
    return this.#awaited > 0 ? performance.now() - this.#silentSince : 0
  }

  /** How often it has lent a connection. */
  get lent(): number {
    return this.#lent
  }

  ask(asking: Asking<L>): void {
    if (this.#out < this.#share && !this.#serving) this.#checkOut(asking)
    else this.#queue.push(asking)
  }

  /** Asks once more, before those who came later. */
  askAgain(asking: Asking<L>): void {
    this.#queue.unshift(asking)
    this.#serve()
  }

  /** Waits no more. */
  leave(asking: Asking<L>): void {
    const index = this.#queue.indexOf(asking)
    if (index !== -1) this.#queue.splice(index, 1)
  }

  /** Takes back a connection that the next request can have, or that has to end. */
  takeBack(connection: PoolConnection<L>, fate: 'keep' | 'destroy'): void {
    if (fate === 'keep' && this.#queue.length > 0 && this.#driver.mayPassOn?.(this.#pool, connection)) {
      this.#lent += 1
      this.#queue.shift()?.take(connection)
      return
    }
    connection.checkIn(fate)
    this.#out -= 1
    this.#serve()
  }

  #serve(): void {
    // What is refused at once asks again from here.
    if (this.#serving) return
    this.#serving = true
    while (this.#out < this.#share) {
      const asking = this.#queue.shift()
      if (asking === undefined) break
      this.#checkOut(asking)
    }
    this.#serving = false
  }

  #checkOut(asking: Asking<L>): void {
    this.#out += 1
    if (this.#awaited === 0) this.#silentSince = performance.now()
    this.#awaited += 1
    let isAwaited = true
    const answer = (error: unknown, connection?: PoolConnection<L>): void => {
      isAwaited = false
      this.#awaited -= 1
      if (connection !== undefined) {
        this.#lent += 1
        this.#silentSince = performance.now()
        asking.take(connection)
      } else {
        this.#out -= 1
        asking.refuse(error)
        this.#serve()
      }
    }
    try {
      this.#driver.checkOut(this.#pool, answer)
    } catch (error) {
      // Of a configuration that a driver reads only now.
      if (isAwaited) answer(error)
      else throw error
    }
  }
}
