import { copyOf, isBytes, isDate, isMap, isPlain, isSet } from './copy.ts'

/** A value that many readers get: one frozen object for all, or a copy for each. */
export interface Shareable<T = unknown> {
  readonly value: T
  readonly copied: boolean
}

/** Collects the plain objects and arrays of a value; tells whether there is something in it that can't be frozen but copied. */
const survey = (value: unknown, plain: Set<object>): boolean => {
  if (typeof value !== 'object' || value === null || plain.has(value)) return false
  if (!isPlain(value)) return isBytes(value) || isDate(value) || isMap(value) || isSet(value)
  plain.add(value)
  return Object.values(value).reduce((found: boolean, item) => survey(item, plain) || found, false)
}

/**
 * Makes a value safe to be shared by requests: plain objects and arrays are frozen deeply; a value with bytes, dates,
 * maps or sets in it is copied for each reader; an instance of a class is handed out as it is.
 */
export const share = <T>(value: T): Shareable<T> => {
  const plain = new Set<object>()
  if (survey(value, plain)) return { value: copyOf(value) as T, copied: true }
  for (const item of plain) Object.freeze(item)
  return { value, copied: false }
}

/** What one reader gets. */
export const handOut = <T>({ value, copied }: Shareable<T>): T => (copied ? (copyOf(value) as T) : value)
