import type { Scope } from '../../src/scope/scope.ts'
import type { Source } from '../../src/source.ts'
import { countChanges } from './cache/entries.ts'
import type { Entry, Reading } from './cache/entry.ts'
import { handOut } from './cache/immutable.ts'
import { type HitCounter, isListenedTo } from './cache/statistics.ts'
import { recordReadings, recordReads, recordWait } from './recording.ts'
import { CachedSource, served } from './source.ts'
import { landing, limitOfRequest } from './waiting.ts'

/** The values of sources, by the names the sources have been given. */
export type Values<V> = { readonly [P in keyof V]: V[P] extends Source<infer T> ? T : never }

type Sources = Readonly<Record<string, Source<unknown>>>

interface Kept<V> {
  readonly values: V
  readonly entries: readonly Entry[]
  /** When they have to be looked at one by one again, in milliseconds since the epoch, or at the next change. */
  readonly until: number
  readonly changes: number
}

/** Reads many sources as one: while none of them is out of date or has changed, all readers get the same frozen object. */
export class ValuesReader<V extends Sources> implements HitCounter {
  hits = 0
  readonly #cached: readonly (readonly [name: string, source: CachedSource<unknown>])[]
  readonly #others: readonly (readonly [name: string, source: Source<unknown>])[]
  readonly #lasting: boolean
  #kept: Kept<Values<V>> | undefined

  /** @param lasting - whether it is read more than once, so that what was read is worth keeping. */
  constructor(sources: V, lasting: boolean) {
    this.#lasting = lasting
    const named = Object.entries(sources)
    this.#cached = named.filter((pair): pair is [string, CachedSource<unknown>] => pair[1] instanceof CachedSource)
    this.#others = named.filter(([, source]) => !(source instanceof CachedSource))
  }

  /** The values, at once if none has to be waited for: by a request with this Lambda context, and this scope if it has one. */
  read(context: unknown, scope: Scope | undefined): Values<V> | Promise<Values<V>> {
    const listening = scope?.recording ? scope : undefined
    const now = Date.now()
    const kept = this.#kept
    if (kept !== undefined && now < kept.until && kept.changes === countChanges() && !isListenedTo()) {
      this.hits++
      if (listening !== undefined) recordReads(listening, kept.entries.length, 0)
      return kept.values
    }
    this.#forget()
    const entries = this.#cached.map(([, source]) => source.entry)
    const readings = this.#cached.map(([, source], index) => source.read(entries[index] as Entry, now))
    if (listening !== undefined) recordReadings(listening, readings)
    if (this.#others.length > 0 || readings.some(({ state }) => state === 'wanted'))
      return this.#wait(entries, readings, context, listening)
    return this.#assemble(entries, readings)
  }

  /** Has everything fetched that a request would wait for; one that fails is fetched again when a request needs it. */
  prefetch(): void {
    for (const [, source] of this.#cached) source.fetch(source.entry)
    for (const [, source] of this.#others) source.get().catch(() => {})
  }

  async #wait(
    entries: readonly Entry[],
    readings: readonly Reading[],
    context: unknown,
    listening: Scope | undefined,
  ): Promise<Values<V>> {
    const limit = limitOfRequest(context)
    const wanted = this.#cached.flatMap(([, source], index) =>
      readings[index]?.state === 'wanted' ? [{ source, entry: entries[index] as Entry }] : [],
    )
    const signal = limit.signal === undefined ? undefined : { signal: limit.signal }
    const others = Promise.all(this.#others.map(async ([name, source]) => [name, await source.get(signal)] as const))
    const names = (): string[] => [
      ...wanted.map(({ entry }) => entry.key),
      ...this.#others.map(([name]) => `values.${name}`),
    ]
    const landed = landing([...wanted.map(({ source, entry }) => source.awaited(entry)), others], names, [limit])
    await (listening === undefined ? landed : recordWait(listening, landed))
    const now = Date.now()
    const settled = this.#cached.map(([, source], index) => {
      const reading = readings[index] as Reading
      return reading.state === 'wanted' ? source.settled(entries[index] as Entry, now) : reading
    })
    return this.#assemble(entries, settled, await others)
  }

  #assemble(
    entries: readonly Entry[],
    readings: readonly Reading[],
    others: readonly (readonly [string, unknown])[] = [],
  ): Values<V> {
    const cached = this.#cached.map(([name], index) => [name, handOut(served(readings[index] as Reading))] as const)
    const values = Object.freeze(Object.fromEntries([...cached, ...others])) as Values<V>
    if (
      this.#lasting &&
      others.length === 0 &&
      readings.every((reading) => reading.state === 'fresh' && !reading.value.copied && !reading.refresh)
    )
      this.#keep(values, entries, readings)
    return values
  }

  #keep(values: Values<V>, entries: readonly Entry[], readings: readonly Reading[]): void {
    const until = Math.min(...readings.map((reading) => ('until' in reading ? reading.until : 0)))
    this.#kept = { values, entries, until, changes: countChanges() }
    for (const { counters } of entries) counters.follow(this)
  }

  #forget(): void {
    for (const { counters } of this.#kept?.entries ?? []) counters.unfollow(this)
    this.#kept = undefined
    this.hits = 0
  }
}
