import { setImmediate } from 'node:timers'
import { tickInterval } from '../../../src/scope/watch.ts'

/** In how many turns of the event loop the end of a socket is read, answered and told of, after the one that is under way. */
const turnsToEnd = 3

/**
 * Since when a connection is idle. One that has been for a while may be lost without our having read of it: in an
 * environment that was frozen, or a worker that was busy.
 */
export class Idleness {
  #since = Number.POSITIVE_INFINITY

  get since(): number {
    return this.#since
  }

  begin(time: number): void {
    this.#since = time
  }

  /** Calls back when all that was lost until now is known to be; at once for one that was not idle for long. */
  hear(callback: () => void): void {
    if (performance.now() - this.#since > tickInterval) setImmediate(hearOn, callback, turnsToEnd)
    else callback()
  }
}

const hearOn = (callback: () => void, turns: number): void => {
  if (turns === 0) callback()
  else setImmediate(hearOn, callback, turns - 1)
}
