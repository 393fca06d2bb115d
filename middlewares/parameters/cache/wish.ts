import type { Policy } from '../options.ts'
import type { Origin } from '../origin.ts'
import type { Entry } from './entry.ts'

/** That a worker wants a source fetched. It ends once an answer has come, from this worker's own fetch or another's. */
export class Wish {
  readonly entry: Entry
  readonly origin: Origin
  readonly timeout: number
  readonly shared: boolean
  /** Answers of fetches that started before this time don't fulfil it. */
  readonly since: number
  readonly #known: unknown
  readonly #landed = Promise.withResolvers<void>()

  constructor(entry: Entry, origin: Origin, { timeout, shared }: Policy, forced: boolean) {
    this.entry = entry
    this.origin = origin
    this.timeout = timeout
    this.shared = shared
    this.since = forced ? Date.now() : 0
    this.#known = newest(entry)
    entry.flight = { landed: this.landed, forced }
  }

  /** Settles when it has ended; never rejects. */
  get landed(): Promise<void> {
    return this.#landed.promise
  }

  /** Whether this worker has never had an answer. */
  get isFirst(): boolean {
    return this.entry.answer === undefined && this.entry.failure === undefined
  }

  /** What was fetched before. */
  get previous(): { readonly raw: unknown; readonly carry: unknown } | undefined {
    const { answer } = this.entry
    return answer?.kind === 'value' ? { raw: answer.raw, carry: answer.carry } : undefined
  }

  /** Whether another worker has answered it. */
  get isFulfilled(): boolean {
    const now = newest(this.entry)
    return now !== this.#known && now !== undefined && now.at >= this.since
  }

  /** Lets those who wait go on. */
  end(): void {
    this.entry.flight = undefined
    this.#landed.resolve()
  }
}

const newest = ({ answer, failure }: Entry): { readonly at: number } | undefined => failure ?? answer
