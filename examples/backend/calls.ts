import type { Invocation, ServiceName } from './protocol.ts'

/** One call the backend had. */
export interface Call extends Invocation {
  /** When it came, in milliseconds since the epoch. */
  readonly at: number
  /** Of the answer; none while the call is in flight, and none at all if it was dropped or its client left. */
  readonly status: number | undefined
}

type Entry = { -readonly [Key in keyof Call]: Call[Key] }

/** Every call since the start or the last reset, in their order. */
export class Calls implements Iterable<Call> {
  #entries: Entry[] = []
  #inFlight = 0
  #peak = 0

  /** How many calls there were: all, or those of one service or of one operation. */
  count({ service, operation }: { readonly service?: ServiceName; readonly operation?: string } = {}): number {
    const counts = (call: Call) =>
      (service === undefined || call.service === service) && (operation === undefined || call.operation === operation)
    return this.#entries.filter(counts).length
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#entries[Symbol.iterator]()
  }

  /** How many calls wait for their answer. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** The most calls that were in flight at once. */
  get peak(): number {
    return this.#peak
  }

  /** Forgets every call; those in flight stay so. */
  reset(): void {
    this.#entries = []
    this.#peak = this.#inFlight
  }

  /** Takes a call in, and returns how to end it: with the status of its answer, if it got one. */
  begin(invocation: Invocation): (status: number | undefined) => void {
    const entry: Entry = { ...invocation, at: Date.now(), status: undefined }
    this.#entries.push(entry)
    this.#inFlight++
    this.#peak = Math.max(this.#peak, this.#inFlight)
    return (status) => {
      entry.status = status
      this.#inFlight--
    }
  }
}
