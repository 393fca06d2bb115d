import type { Policy } from '../options.ts'
import type { Loadable, Origin } from '../origin.ts'
import type { Entry } from './entry.ts'

/** Whether nobody waits for a fetch, or somebody does, or only an answer that is asked for from now on will do. */
export type Urgency = 'background' | 'awaited' | 'forced'

/** That a worker wants a source fetched. It ends once an answer has come, from this worker's own fetch or another's. */
export class Wish {
  readonly entry: Entry
  readonly origin: Origin
  readonly timeout: number
  readonly shared: boolean
  readonly urgency: Urgency
  /** Answers of fetches that started before this time don't fulfil it. */
  readonly since: number
  readonly #known: unknown
  readonly #landed = Promise.withResolvers<void>()

  constructor(entry: Entry, origin: Origin, { timeout, shared }: Policy, urgency: Urgency) {
    const forced = urgency === 'forced'
    this.entry = entry
    this.origin = origin
    this.timeout = timeout
    this.shared = shared
    this.urgency = urgency
    this.since = forced ? Date.now() : 0
    this.#known = newest(entry)
    entry.flight = { landed: this.landed, forced, startedAt: Date.now() }
  }

  /** Settles when it has ended; never rejects. */
  get landed(): Promise<void> {
    return this.#landed.promise
  }

  /** Whether this worker has never had an answer. */
  get isFirst(): boolean {
    return this.entry.answer === undefined && this.entry.failure === undefined
  }

  /** Whether its fetch can begin with the call. */
  get isPrepared(): boolean {
    return this.#packages.every(({ isLoaded }) => isLoaded)
  }

  /** Loads what its fetch needs; what can't be loaded is left to the fetch to tell of. */
  async prepare(): Promise<void> {
    await Promise.allSettled(this.#packages.map((needed) => needed.load()))
  }

  get #packages(): readonly Loadable[] {
    return this.origin.fetcher.packages ?? []
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
