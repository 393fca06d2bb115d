import { hrtime } from 'node:process'

const nanoseconds = 1_000_000n

/** A holder is at work for microseconds. One that is not done after so many milliseconds is dead, or as good as. */
const longestHold = 250n * nanoseconds

/** What the threads that share a mutex need to have in common. */
export const mutexMemory = (): SharedArrayBuffer => new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)

/**
 * Keeps the threads of a process out of each other's way. Its one word is when the hold of whoever has it runs out, or
 * 0: so a thread that dies with it holds up nobody for long. No two holds run out at the same time, because each
 * begins when the one before has been released or has run out.
 */
export class Mutex {
  readonly #word: BigInt64Array
  #hold = 0n

  constructor(memory: SharedArrayBuffer) {
    this.#word = new BigInt64Array(memory)
  }

  /** Whether nobody has overtaken this holder yet. */
  get isHeld(): boolean {
    return hrtime.bigint() < this.#hold && Atomics.load(this.#word, 0) === this.#hold
  }

  /** Takes the mutex and says whether it could: blocks the thread for `patience` milliseconds at most. */
  acquire(patience: number): boolean {
    const end = hrtime.bigint() + BigInt(patience) * nanoseconds
    for (;;) {
      const time = hrtime.bigint()
      const found = Atomics.load(this.#word, 0)
      if (found <= time) {
        const hold = time + longestHold
        if (Atomics.compareExchange(this.#word, 0, found, hold) === found) {
          this.#hold = hold
          return true
        }
      } else if (time >= end) return false
      else Atomics.wait(this.#word, 0, found, Number((found < end ? found : end) - time) / Number(nanoseconds))
    }
  }

  release(): void {
    const hold = this.#hold
    this.#hold = 0n
    if (Atomics.compareExchange(this.#word, 0, hold, 0n) === hold) Atomics.notify(this.#word, 0, 1)
  }
}
