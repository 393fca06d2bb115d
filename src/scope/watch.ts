import { clearTimeout, setTimeout } from 'node:timers'

/** Something that is over soon as a rule, and has to be seen to if it is not. */
export interface Watched {
  /** Its place among the others. */
  index: number
  /** When it is looked at again, on the clock of the watch; at the next tick if undefined. */
  due: number | undefined
  /** Sees to it. Returns in how many milliseconds to look again; `Infinity` for never. */
  look(): number
}

/** What is over within this many milliseconds is never looked at. */
export const tickInterval = 10
const longestTimeout = 2 ** 31 - 1

// Taken at import: a test suite that fakes the clock must not hang a request.
const now = performance.now.bind(performance)

/**
 * Watches over all there are of something in a worker with one timer. Beginning and ending one costs two array writes:
 * at the next tick those that are still there are looked at, and never so many that going through them matters.
 */
export class Watch<T extends Watched> {
  readonly #watched: T[] = []
  #timer: NodeJS.Timeout | undefined
  #timerDue = Number.POSITIVE_INFINITY
  #setBy = setTimeout
  #ticksSoon = false
  #held = 0

  get size(): number {
    return this.#watched.length
  }

  all(): T[] {
    return [...this.#watched]
  }

  find(matches: (watched: T) => boolean): T | undefined {
    return this.#watched.find(matches)
  }

  add(watched: T): void {
    watched.index = this.#watched.push(watched) - 1
    if (this.#ticksSoon && this.#isTimerReal) return
    this.#ticksSoon = true
    const time = now()
    this.#tickAt(time + tickInterval, time)
  }

  remove(watched: T): void {
    const last = this.#watched.pop()
    if (last === undefined || last === watched) return
    this.#watched[watched.index] = last
    last.index = watched.index
  }

  /** Has one looked at in so many milliseconds instead. The process stays alive until {@link letGo}. */
  hold(watched: T, delay: number): void {
    const time = now()
    watched.due = delay > 0 ? time + delay : time
    this.#held += 1
    this.#tickAt(watched.due, time)
    if (this.#held === 1) this.#timer?.ref()
  }

  letGo(watched: T): void {
    watched.due = undefined
    this.#held -= 1
    if (this.#held === 0) this.#timer?.unref()
  }

  /** Ticks at `due`, or when the timer is due if that is sooner. */
  #tickAt(due: number, time: number): void {
    if (due >= this.#timerDue && this.#isTimerReal) return
    clearTimeout(this.#timer)
    this.#timerDue = Math.min(due, time + longestTimeout)
    this.#timer = setTimeout(this.#tick, Math.max(1, Math.round(this.#timerDue - time)))
    this.#setBy = setTimeout
    if (this.#held === 0) this.#timer.unref()
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
    for (const watched of this.all()) {
      if (watched.due === undefined || watched.due <= time) watched.due = time + watched.look()
      next = Math.min(next, watched.due)
    }
    this.#tickAt(next, time)
  }
}
