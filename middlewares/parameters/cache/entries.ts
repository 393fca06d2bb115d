import { LRUCache } from 'lru-cache'
import { Entry } from './entry.ts'
import type { Shareable } from './immutable.ts'

/** How many sources a worker keeps; beyond it, those not read for longest go. */
const most = 10_000

const entries = new LRUCache<string, Entry>({ max: most })

const inFlight = new Map<string, Entry>()

/** What is being fetched stays known, however many others are read meanwhile. */
export const keepWhileFetched = (entry: Entry): void => {
  inFlight.set(entry.key, entry)
}

export const letGo = ({ key }: Entry): void => {
  inFlight.delete(key)
}

/** Counts every change of any entry, so that whoever keeps values made of several sees that one of them is out of date. */
let changes = 0

export const countChanges = (): number => changes

export const noteChange = (): void => {
  changes++
}

export const allEntries = (): Iterable<Entry> => entries.values()

export const entryOf = (key: string): Entry => {
  const known = entries.get(key)
  if (known !== undefined) return known
  const entry = inFlight.get(key) ?? new Entry(key)
  entries.set(key, entry)
  return entry
}

/** What tests have served, by the source's key: not among the entries, which others push out. */
const stubs = new Map<string, Entry>()

export const stubOf = (key: string): Entry | undefined => (stubs.size === 0 ? undefined : stubs.get(key))

export const setStub = (key: string, value: Shareable | undefined): void => {
  if (value === undefined) stubs.delete(key)
  else stubs.set(key, new Entry(key, value))
  noteChange()
}
