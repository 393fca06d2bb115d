import { clearTimeout, setImmediate, setTimeout } from 'node:timers'

/** Something that ends at a deadline unless it has ended before. */
export interface Expiring {
  /** Its place among the open ones. */
  index: number
  /** When it times out or else expires, on the clock of the queue; unknown until the next tick. */
  due: number | undefined
  /** Answers in place of a handler that is racing against `due`. */
  timeOut: (() => void) | undefined
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
  #setBy = setTimeout
  #ticksSoon = false
  #races = 0

  add(scope: T): void {
    scope.index = this.#scopes.push(scope) - 1
    if (this.#ticksSoon && this.#isTimerReal) return
    this.#ticksSoon = true
    const time = now()
    this.#tickAt(time + tickInterval, time)
  }

  remove(scope: T): void {
    this.endRace(scope)
    const last = this.#scopes.pop()
    if (last === undefined || last === scope) return
    this.#scopes[scope.index] = last
    last.index = scope.index
  }

  all(): T[] {
    return [...this.#scopes]
  }

  find(matches: (scope: T) => boolean): T | undefined {
    return this.#scopes.find(matches)
  }

  /** Has `timeOut` called in so many milliseconds. Until then the process stays alive, as with a timer of Middy's own. */
  race(scope: T, delay: number, timeOut: () => void): void {
    const time = now()
    scope.due = delay > 0 ? time + delay : time
    scope.timeOut = timeOut
    this.#races += 1
    this.#tickAt(scope.due, time)
    if (this.#races === 1) this.#timer?.ref()
  }

  endRace(scope: T): void {
    if (scope.timeOut === undefined) return
    scope.timeOut = undefined
    scope.due = undefined
    this.#races -= 1
    if (this.#races === 0) this.#timer?.unref()
  }

  /** Ticks at `due`, or when the timer is due if that is sooner. */
  #tickAt(due: number, time: number): void {
    if (due >= this.#timerDue && this.#isTimerReal) return
    clearTimeout(this.#timer)
    this.#timerDue = Math.min(due, time + longestTimeout)
    this.#timer = setTimeout(this.#tick, Math.max(1, Math.round(this.#timerDue - time)))
    this.#setBy = setTimeout
    if (this.#races === 0) this.#timer.unref()
  }

  /** Not if a test suite has faked the timers since it was set, or has stopped to: then it may never tick. */
  get #isTimerReal(): boolean {
    return this.#setBy === setTimeout
  }

  readonly #tick = (): void => {
    // A timer that a test advances is ahead of the clock.
    const time = Math.max(now(), this.#timerDue)
    this.#ticksSoon = false
    this.#timerDue = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const scope of this.all()) {
      const { due, timeOut } = scope
      if (timeOut !== undefined && due !== undefined && due <= time) {
        this.endRace(scope)
        timeOut()
      }
      scope.due ??= time + scope.remaining()
      if (scope.due <= time) setImmediate(this.#expire, scope)
      else next = Math.min(next, scope.due)
    }
    this.#tickAt(next, time)
  }

  // After all timers that are due: when the loop was blocked, Middy's early timeout may be among them, and answers first.
  // The immediate is not unref'd: an idle loop would not wake for it.
  readonly #expire = (scope: T): void => scope.expire()
}
