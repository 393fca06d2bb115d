import { ParameterFetchError, ParameterMissingError } from '../errors.ts'
import { type AnyTransform, areSame, type Policy } from '../options.ts'
import type { Answer, FailedAnswer, MissingAnswer, ValueAnswer } from './answer.ts'
import type { Shareable } from './immutable.ts'
import { Makings } from './makings.ts'
import { remedyFor } from './remedy.ts'
import { Counters } from './statistics.ts'

/** What a cached source has for a reader at one moment. */
export type Reading =
  /** A value, to be looked at again after `until`; `refresh` asks for a fetch that nobody waits for. */
  | {
      readonly state: 'fresh' | 'stale'
      readonly value: Shareable
      readonly until: number
      readonly refresh: boolean
    }
  | { readonly state: 'failed'; readonly error: Error }
  /** Nothing that may be served: a fetch has to be waited for. */
  | { readonly state: 'wanted' }

/** A fetch that takes longer than this, in milliseconds, counts as one that fails, as to what is served meanwhile. */
const longFetch = 1_000

const wanted: Reading = { state: 'wanted' }

/** An answer this much older than the last one is not late: the clock was set back. */
const clockStep = 120_000

/** What a worker knows of one source: the last answer, the last good value, and the failures since. */
export class Entry {
  /** What messages call it as well. */
  readonly key: string
  readonly counters: Counters = new Counters()
  /** What is served whatever the backend has, which is not asked then. */
  readonly stub: Shareable | undefined
  /** Settles when the fetch that is under way has been answered; never rejects. */
  flight: Flight | undefined
  #answer: ValueAnswer | MissingAnswer | undefined
  #failure: FailedAnswer | undefined
  /** The last answer that could be made into a value. */
  #good: ValueAnswer | undefined
  readonly #makings: Makings
  #agreed: { readonly transform: AnyTransform | undefined } | undefined

  constructor(key: string, stub?: Shareable) {
    this.key = key
    this.stub = stub
    this.#makings = new Makings(key)
  }

  /** The last answer that was not a failure, for the next fetch and for workers that start late. */
  get answer(): ValueAnswer | MissingAnswer | undefined {
    return this.#answer
  }

  /** The failure since, if there was one. */
  get failure(): FailedAnswer | undefined {
    return this.#failure
  }

  /**
   * Takes the transform that all sources of this key must have in common.
   *
   * @throws TypeError if another source of the key has another.
   */
  agreeOn(transform: AnyTransform | undefined): void {
    if (this.#agreed !== undefined && !areSame(transform, this.#agreed.transform))
      throw new TypeError(
        `${this.key}: two sources have different transforms (${nameOf(this.#agreed.transform)} and ${nameOf(transform)}), and one value is kept for both. ` +
          'Make one source and use it in both places, or transform what the other returns.',
      )
    this.#agreed ??= { transform }
  }

  /** Takes an answer unless a newer one is known. Returns whether it did. */
  accept(answer: Answer): boolean {
    const behind = Math.max(this.#answer?.at ?? 0, this.#failure?.at ?? 0) - answer.at
    if (behind > 0 && behind < clockStep) return false
    if (answer.kind === 'failed') this.#failure = answer
    else {
      this.#failure = undefined
      this.#answer = answer
      if (answer.kind === 'missing') this.#good = undefined
    }
    return true
  }

  /** What a reader gets who can be told to wait. */
  read(policy: Policy, transform: AnyTransform | undefined, now: number): Reading {
    if (this.stub !== undefined)
      return { state: 'fresh', value: this.stub, until: Number.POSITIVE_INFINITY, refresh: false }
    const answer = this.#answer
    if (answer?.kind === 'missing')
      return now < answer.at + policy.negativeTtl ? this.#fail(new ParameterMissingError(this.key)) : this.#orWait(now)
    if (answer === undefined) return this.#orWait(now)
    const expiry = Math.max(answer.at + policy.ttl, answer.notBefore ?? 0)
    const value = this.#make(answer, transform)
    if (value instanceof Error) return this.#readBefore(value, expiry, policy, transform, now)
    if (now < expiry) {
      const ahead = Math.min(expiry, answer.notBefore === undefined ? this.#aheadOf(expiry, policy) : expiry)
      return now < ahead
        ? { state: 'fresh', value, until: ahead, refresh: false }
        : { state: 'fresh', value, until: expiry, refresh: this.#mayAsk(now) }
    }
    if (now < expiry + this.#staleBound(policy, now))
      return { state: 'stale', value, until: now, refresh: this.#mayAsk(now) }
    return this.#orWait(now)
  }

  /** What a reader gets where the newest answer can't be made into a value: the one before, as long as in an outage. */
  #readBefore(
    problem: Error,
    expiry: number,
    policy: Policy,
    transform: AnyTransform | undefined,
    now: number,
  ): Reading {
    const good = this.#good
    if (good !== undefined && now < good.at + policy.ttl + policy.staleIfError) {
      const value = this.#makings.make(good.raw, transform)
      if (!(value instanceof Error))
        return { state: 'stale', value, until: now, refresh: now >= expiry && this.#mayAsk(now) }
    }
    return now < expiry ? this.#fail(problem) : this.#orWait(now)
  }

  /** What a reader gets after the fetch it waited for: also a value that is out of date already, since none is newer. */
  settled(policy: Policy, transform: AnyTransform | undefined, now: number): Reading {
    const reading = this.read(policy, transform, now)
    if (reading.state === 'fresh' || reading.state === 'stale') return reading
    const error = this.failed(transform, now)
    if (error !== undefined) return this.#fail(error)
    const answer = this.#answer
    const value = answer?.kind === 'value' ? this.#make(answer, transform) : undefined
    return value === undefined || value instanceof Error
      ? wanted
      : { state: 'stale', value, until: now, refresh: false }
  }

  /** Why the last fetch brought no value, if it brought none, whatever is kept. */
  failed(transform: AnyTransform | undefined, now: number): Error | undefined {
    if (this.#failure !== undefined) return this.#fetchError(this.#failure, now)
    const answer = this.#answer
    if (answer === undefined) return undefined
    if (answer.kind === 'missing') return new ParameterMissingError(this.key)
    const value = this.#make(answer, transform)
    return value instanceof Error ? value : undefined
  }

  #make(answer: ValueAnswer, transform: AnyTransform | undefined): Shareable | Error {
    const value = this.#makings.make(answer.raw, transform)
    if (!(value instanceof Error)) this.#good = answer
    return value
  }

  /** Milliseconds after which a reader who waits for the fetch may get an older value; `undefined` if there is none. */
  patience({ ttl, staleIfError }: Policy, now: number): number | undefined {
    const lateAt = (this.flight?.startedAt ?? now) + longFetch
    return this.#good !== undefined && lateAt < this.#good.at + ttl + staleIfError
      ? Math.max(0, lateAt - now)
      : undefined
  }

  #mayAsk(now: number): boolean {
    return this.flight === undefined && (this.#failure === undefined || now >= this.#failure.retryAt)
  }

  /** Waits for a fetch, unless one has just failed: then there is nothing to wait for yet. */
  #orWait(now: number): Reading {
    const failure = this.#failure
    if (failure === undefined || this.flight !== undefined || now >= failure.retryAt) return wanted
    return this.#fail(this.#fetchError(failure, now))
  }

  #fail(error: Error): Reading {
    return { state: 'failed', error }
  }

  #staleBound({ staleWhileRevalidate, staleIfError }: Policy, now: number): number {
    const isFailing =
      this.#failure !== undefined || (this.flight !== undefined && now >= this.flight.startedAt + longFetch)
    return isFailing ? Math.max(staleWhileRevalidate, staleIfError) : staleWhileRevalidate
  }

  /** Each worker starts at a moment of its own, so that those that don't share don't ask all at once. */
  #aheadOf(expiry: number, { refreshAhead }: Policy): number {
    return refreshAhead === 0 ? expiry : expiry - refreshAhead * (1 - this.#jitter)
  }
  readonly #jitter: number = Math.random() / 4

  #fetchError({ attempts, retryAt, error }: FailedAnswer, now: number): ParameterFetchError {
    const age = this.#good === undefined ? undefined : now - this.#good.at
    const data = { source: this.key, age, attempts, retryIn: Math.max(0, retryAt - now) }
    return new ParameterFetchError(data, remedyFor(error), { cause: error })
  }
}

/** A fetch that is under way. */
export interface Flight {
  readonly landed: Promise<void>
  /** Whether it was asked for by `refresh()`. */
  readonly forced: boolean
  readonly startedAt: number
}

const nameOf = (transform: AnyTransform | undefined): string => {
  if (typeof transform === 'object') return nameOf(transform.each)
  if (transform === undefined) return 'none'
  return typeof transform === 'function' ? `the function ${transform.name || 'without a name'}` : `'${transform}'`
}
