/** A value that many readers get: one frozen object for all, or a copy for each. */
export interface Shareable<T = unknown> {
  readonly value: T
  readonly copied: boolean
}

interface Contents {
  /** Something that can't be frozen but copied: bytes, a Date, a Map or a Set. */
  mutable: boolean
  /** Something that can't be copied: a function, or an instance of a class. */
  opaque: boolean
}

const isCopyable = (value: object): boolean =>
  ArrayBuffer.isView(value) ||
  value instanceof ArrayBuffer ||
  value instanceof Date ||
  value instanceof Map ||
  value instanceof Set

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === null || prototype === Object.prototype
}

/** Collects the plain objects and arrays of a value, and what else is in it. */
const survey = (value: unknown, plain: Set<object>, contents: Contents): void => {
  if (typeof value === 'function') contents.opaque = true
  if (typeof value !== 'object' || value === null || plain.has(value)) return
  if (isPlain(value)) {
    plain.add(value)
    for (const item of Object.values(value)) survey(item, plain, contents)
  } else if (isCopyable(value)) contents.mutable = true
  else contents.opaque = true
}

/**
 * Makes a value safe to be shared by requests: plain objects and arrays are frozen deeply; a value with bytes, dates,
 * maps or sets in it is copied for each reader; an instance of a class is handed out as it is.
 */
export const share = <T>(value: T): Shareable<T> => {
  if (typeof value !== 'object' || value === null) return { value, copied: false }
  const plain = new Set<object>()
  const contents: Contents = { mutable: false, opaque: false }
  survey(value, plain, contents)
  if (contents.mutable && !contents.opaque) return { value: structuredClone(value), copied: true }
  for (const item of plain) Object.freeze(item)
  return { value, copied: false }
}

/** What one reader gets. */
export const handOut = <T>({ value, copied }: Shareable<T>): T => (copied ? structuredClone(value) : value)
