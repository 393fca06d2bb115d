import { clearTimeout, setTimeout } from 'node:timers'

/** Something that is over soon as a rule, and has to be seen to if it is not. */
export interface Watched {
  /** Its place among the others. */
  index: number
  /** When it is overdue, on the clock of the watch; unknown until the first look at it. */
  due: number | undefined
  /** Called at the first look: milliseconds until it is overdue, `Infinity` for never. */
  patience(): number
  overdue(): void
}

const tickInterval = 10
const longestTimeout = 2 ** 31 - 1

// Taken at import: a test suite that fakes the clock must not hang a wait.
const now = performance.now.bind(performance)

/**
 * Watches over waits and leases with one timer for all, so that one which is over within some milliseconds costs two
 * array writes, and neither a timer nor a listener.
 */
export class Watch<T extends Watched> {
  readonly #watched: T[] = []
  #timer: NodeJS.Timeout | undefined
  #next = Number.POSITIVE_INFINITY
  #looksSoon = false

  get size(): number {
    return this.#watched.length
  }

  all(): T[] {
    return [...this.#watched]
  }

  add(watched: T): void {
    watched.index = this.#watched.push(watched) - 1
    if (this.#looksSoon) return
    this.#looksSoon = true
    this.#lookAt(now() + tickInterval)
  }

  remove(watched: T): void {
    const last = this.#watched.pop()
    if (last === undefined || last === watched) return
    this.#watched[watched.index] = last
    last.index = watched.index
  }

  #lookAt(time: number): void {
    if (time >= this.#next) return
    clearTimeout(this.#timer)
    this.#next = time
    this.#timer = setTimeout(this.#look, Math.min(Math.max(1, Math.ceil(time - now())), longestTimeout)).unref()
  }

  readonly #look = (): void => {
    this.#looksSoon = false
    this.#next = Number.POSITIVE_INFINITY
    const time = now()
    let next = Number.POSITIVE_INFINITY
    for (const watched of this.all()) {
      watched.due ??= time + watched.patience()
      if (watched.due <= time) {
        watched.due = Number.POSITIVE_INFINITY
        watched.overdue()
      } else next = Math.min(next, watched.due)
    }
    this.#lookAt(next)
  }
}
