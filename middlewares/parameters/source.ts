import { storage } from '../../src/scope/current.ts'
import type { SourceOptions, Stubbable } from '../../src/source.ts'
import { entryOf, setStub, stubOf } from './cache/entries.ts'
import type { Entry, Reading } from './cache/entry.ts'
import { handOut, type Shareable, share } from './cache/immutable.ts'
import { fetchSoon } from './cache/launching.ts'
import type { Urgency } from './cache/wish.ts'
import { type AnyTransform, type CacheOptions, type Policy, resolvePolicy } from './options.ts'
import type { Origin } from './origin.ts'
import { recordReadings, recordWait } from './recording.ts'
import { landing, limitOfRequest, type WaitLimit, within } from './waiting.ts'

/** What a source is made with. */
export interface SourceSettings extends CacheOptions {
  readonly transform?: AnyTransform
}

/** What the sources of a middleware take from it where they have no options of their own. */
export interface SourceDefaults extends SourceSettings {
  readonly client?: unknown
}

/** A source whose value this worker keeps. */
export class CachedSource<T> implements Stubbable<T> {
  readonly origin: Origin
  readonly policy: Policy
  readonly #transform: AnyTransform | undefined
  readonly #withDefaults: (defaults: SourceDefaults) => CachedSource<T>
  /** The source as it was given, if the defaults of a middleware have made it ask another client. */
  #given: CachedSource<T> | undefined

  /** @param withDefaults - makes the same source with options that it has not been given. */
  constructor(origin: Origin, settings: SourceSettings, withDefaults: (defaults: SourceDefaults) => CachedSource<T>) {
    this.origin = origin
    this.policy = resolvePolicy(settings, origin.shareable)
    this.#transform = settings.transform ?? origin.transform
    this.#withDefaults = withDefaults
    // Without a transform it may still get one, as a middleware's default.
    if (settings.transform !== undefined) entryOf(origin.key).agreeOn(this.#transform)
  }

  /** What this worker knows of it. To be asked for once per read: an entry that many others push out is not found again. */
  get entry(): Entry {
    const stub = stubOf(this.origin.key) ?? (this.#given && stubOf(this.#given.origin.key))
    if (stub !== undefined) return stub
    const entry = entryOf(this.origin.key)
    entry.agreeOn(this.#transform)
    return entry
  }

  withDefaults(defaults: SourceDefaults): CachedSource<T> {
    const source = this.#withDefaults(defaults)
    if (source.origin.key !== this.origin.key) source.#given = this
    return source
  }

  async get(options?: SourceOptions): Promise<T> {
    const { entry } = this
    const reading = this.read(entry, Date.now())
    const scope = storage.getStore()
    const listening = scope?.recording ? scope : undefined
    if (listening !== undefined) recordReadings(listening, [reading])
    if (reading.state !== 'wanted') return take(reading)
    const landed = this.#land(this.awaited(entry), options)
    await (listening === undefined ? landed : recordWait(listening, landed))
    return take(this.settled(entry, Date.now()))
  }

  peek(): T | undefined {
    const reading = this.entry.read(this.policy, this.#transform, Date.now())
    return 'value' in reading ? (handOut(reading.value) as T) : undefined
  }

  async refresh(options?: SourceOptions): Promise<T> {
    const { entry } = this
    if (entry.stub !== undefined) return handOut(entry.stub) as T
    // What is under way may have been answered with the value that is to be replaced.
    while (entry.flight !== undefined && !entry.flight.forced) await this.#land(entry.flight.landed, options)
    if (!isToBeLeftAlone(entry)) await this.#land(fetchSoon(entry, this.origin, this.policy, 'forced'), options)
    const now = Date.now()
    const error = entry.failed(this.#transform, now)
    if (error !== undefined) throw error
    return take(this.settled(entry, now))
  }

  /** What there is now; starts the fetch that a reading asks for and nobody waits for. */
  read(entry: Entry, now: number): Reading {
    const reading = entry.read(this.policy, this.#transform, now)
    if ('value' in reading) {
      entry.counters.count(reading.state === 'fresh' ? 'hit' : 'staleHit', entry.key)
      if (reading.refresh) this.fetch(entry, 'background')
    } else if (reading.state === 'wanted') entry.counters.count('miss', entry.key)
    return reading
  }

  /** What there is after a fetch that was waited for. */
  settled(entry: Entry, now: number): Reading {
    return entry.settled(this.policy, this.#transform, now)
  }

  /** Has it fetched; settles when an answer has come, and never rejects. */
  fetch(entry: Entry, urgency: Urgency = 'awaited'): Promise<void> {
    return entry.stub === undefined ? fetchSoon(entry, this.origin, this.policy, urgency) : Promise.resolve()
  }

  /** The same for a reader who waits; settles also when the fetch takes long and an older value can be served instead. */
  awaited(entry: Entry): Promise<void> {
    const landed = this.fetch(entry)
    const patience = entry.patience(this.policy, Date.now())
    if (patience === undefined) return landed
    const isServed = (): boolean => 'value' in entry.read(this.policy, this.#transform, Date.now())
    return within(patience, landed).then(() => (isServed() ? undefined : landed))
  }

  stub(value?: { readonly value: T }): void {
    setStub(this.origin.key, value && share(value.value))
  }

  #land(flight: Promise<void>, options: SourceOptions | undefined): Promise<void> {
    const given: WaitLimit = { signal: options?.signal, remaining: Number.POSITIVE_INFINITY }
    return landing([flight], () => [this.origin.key], [given, limitOfRequest()])
  }
}

/** Whether its backend has asked not to be asked yet. */
const isToBeLeftAlone = ({ answer, failure }: Entry): boolean =>
  failure === undefined && answer?.kind === 'value' && (answer.notBefore ?? 0) > Date.now()

const take = <T>(reading: Reading): T => handOut(served(reading)) as T

/** @throws what the reading says has failed. */
export const served = (reading: Reading): Shareable => {
  switch (reading.state) {
    case 'fresh':
    case 'stale':
      return reading.value
    case 'failed':
      throw reading.error
    case 'wanted':
      throw new Error('A fetch ended without an answer.')
    default:
      return reading satisfies never
  }
}
