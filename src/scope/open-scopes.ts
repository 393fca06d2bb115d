import { clearTimeout, setImmediate, setTimeout } from 'node:timers'

/** Something that ends at a deadline unless it has ended before. */
export interface Expiring {
  /** Its place among the open ones. */
  index: number
  /** When it expires, on the clock of the queue; unknown until the next tick. */
  due: number | undefined
  /** Milliseconds left; `Infinity` without a deadline. Read once, and only if still open at the next tick. */
  remaining(): number
  expire(): void
}

/** A request that ends within this many milliseconds never has its deadline read. */
const tickInterval = 10
const longestTimeout = 2 ** 31 - 1

// Taken at import: a test suite that fakes the clock must not hang a request.
const now = performance.now.bind(performance)

/**
 * The open scopes of a worker and its one deadline timer. Opening and closing a scope costs two array writes: deadlines
 * are read at the next tick, of those still open, and a worker never has so many that looking through them matters.
 */
export class OpenScopes<T extends Expiring> {
  readonly #scopes: T[] = []
  #timer: NodeJS.Timeout | undefined
  #timerDue = Number.POSITIVE_INFINITY
  #ticksSoon = false

  add(scope: T): void {
    scope.index = this.#scopes.push(scope) - 1
    if (this.#ticksSoon) return
    this.#ticksSoon = true
    this.#tickAt(now() + tickInterval)
  }

  remove(scope: T): void {
    const last = this.#scopes.pop()
    if (last === undefined || last === scope) return
    this.#scopes[scope.index] = last
    last.index = scope.index
  }

  all(): T[] {
    return [...this.#scopes]
  }

  /** Ticks at `time`, or when the timer is due if that is sooner. */
  #tickAt(time: number): void {
    if (time >= this.#timerDue) return
    clearTimeout(this.#timer)
    this.#timerDue = time
    const delay = Math.max(1, Math.ceil(time - now()))
    this.#timer = setTimeout(this.#tick, Math.min(delay, longestTimeout)).unref()
  }

  readonly #tick = (): void => {
    this.#ticksSoon = false
    this.#timerDue = Number.POSITIVE_INFINITY
    const time = now()
    let next = Number.POSITIVE_INFINITY
    for (const scope of this.all()) {
      scope.due ??= time + scope.remaining()
      if (scope.due <= time) setImmediate(this.#expire, scope)
      else next = Math.min(next, scope.due)
    }
    this.#tickAt(next)
  }

  // After all timers that are due: when the loop was blocked, Middy's early timeout may be among them, and answers first.
  // The immediate is not unref'd: an idle loop would not wake for it.
  readonly #expire = (scope: T): void => scope.expire()
}
