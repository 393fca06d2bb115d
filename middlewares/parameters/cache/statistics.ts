import { channel } from 'node:diagnostics_channel'

/** What happened to one source in this worker, since the worker started. */
export interface SourceStats {
  /** Reads that were served a value within its `ttl`. */
  readonly hits: number
  /** Reads that were served an older value, while a fetch ran or failed. */
  readonly staleHits: number
  /** Reads that had to wait. */
  readonly misses: number
  /** Fetches of this worker that were answered. */
  readonly refreshes: number
  /** Fetches of this worker that failed. */
  readonly failures: number
  /** Answers that another worker of the process fetched. */
  readonly shared: number
}

/** What the channel tells of. */
export type ParameterEvent = 'hit' | 'staleHit' | 'miss' | 'refresh' | 'failure' | 'shared'

const events = channel('middy-managed-instances.parameters')

const counted = {
  hit: 'hits',
  staleHit: 'staleHits',
  miss: 'misses',
  refresh: 'refreshes',
  failure: 'failures',
  shared: 'shared',
} as const satisfies Record<ParameterEvent, keyof SourceStats>

/** Reads of many sources that are counted as one. */
export interface HitCounter {
  readonly hits: number
}

/** The counters of one source. */
export class Counters {
  readonly #counts: { -readonly [Key in keyof SourceStats]: number } = {
    hits: 0,
    staleHits: 0,
    misses: 0,
    refreshes: 0,
    failures: 0,
    shared: 0,
  }
  /** Who serves the value without asking each time. */
  #readers: Set<HitCounter> | undefined

  count(event: ParameterEvent, source: string): void {
    this.#counts[counted[event]]++
    if (events.hasSubscribers) events.publish({ event, source })
  }

  /** Counts what `reader` serves from now on. */
  follow(reader: HitCounter): void {
    this.#readers ??= new Set()
    this.#readers.add(reader)
  }

  /** Keeps what `reader` has served until now. */
  unfollow(reader: HitCounter): void {
    if (this.#readers?.delete(reader)) this.#counts.hits += reader.hits
  }

  read(): SourceStats {
    const { hits, ...others } = this.#counts
    return { hits: [...(this.#readers ?? [])].reduce((sum, reader) => sum + reader.hits, hits), ...others }
  }
}

/** Whether somebody listens to every single read. */
export const isListenedTo = (): boolean => events.hasSubscribers
