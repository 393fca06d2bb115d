import { clearTimeout, setTimeout } from 'node:timers'
import { type Linked, LinkedList } from './linked-list.ts'

/** Something that ends at a deadline unless it has ended before. */
export interface Expiring<T extends Expiring<T>> extends Linked<T> {
  /** Milliseconds left; `Infinity` without a deadline. Read once, and only if still open at the next tick. */
  remaining(): number
  expire(): void
  /** When it expires, on the queue's own clock. */
  due: number
}

/** A request that ends within this many milliseconds never has its deadline read. */
const tickInterval = 10
const longestTimeout = 2 ** 31 - 1

// Taken at import: a test suite that fakes the clock must not hang a request.
const now = performance.now.bind(performance)

/**
 * The open scopes of a worker and its one deadline timer. A scope that opens costs two pointer writes; its deadline is
 * read at the next tick, if it is still open, and is then kept in a list sorted by deadline. Deadlines come almost in
 * order, so that a new one is nearly always put at the end.
 */
export class DeadlineQueue<T extends Expiring<T>> {
  readonly #fresh = new LinkedList<T>()
  readonly #armed = new LinkedList<T>()
  #ticking = false
  #timer: NodeJS.Timeout | undefined
  #timerDue = Number.POSITIVE_INFINITY

  add(entry: T): void {
    this.#fresh.append(entry)
    if (this.#ticking) return
    this.#ticking = true
    setTimeout(this.#tick, tickInterval).unref()
  }

  remove(entry: T): void {
    entry.list?.remove(entry)
  }

  /** Every scope that is open now. */
  all(): T[] {
    return [...this.#armed, ...this.#fresh]
  }

  readonly #tick = (): void => {
    this.#ticking = false
    let entry = this.#fresh.head
    while (entry !== undefined) {
      const next = entry.next
      this.#fresh.remove(entry)
      this.#arm(entry)
      entry = next
    }
    this.#schedule()
  }

  #arm(entry: T): void {
    entry.due = now() + entry.remaining()
    let before = this.#armed.tail
    while (before !== undefined && before.due > entry.due) before = before.previous
    this.#armed.insertAfter(before, entry)
  }

  #schedule(): void {
    const due = this.#armed.head?.due ?? Number.POSITIVE_INFINITY
    if (due >= this.#timerDue) return
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timerDue = due
    this.#timer = setTimeout(this.#fire, Math.min(Math.max(1, Math.ceil(due - now())), longestTimeout)).unref()
  }

  readonly #fire = (): void => {
    this.#timer = undefined
    this.#timerDue = Number.POSITIVE_INFINITY
    let entry = this.#armed.head
    while (entry !== undefined && entry.due - now() <= 0) {
      this.#armed.remove(entry)
      entry.expire()
      entry = this.#armed.head
    }
    this.#schedule()
  }
}
