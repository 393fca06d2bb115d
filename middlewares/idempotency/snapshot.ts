const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * A copy of JSON that later changes to the original don't reach. What JSON does not have is taken over as it is: the
 * persistence layers decide what becomes of it.
 *
 * @throws RangeError for a value that contains itself.
 */
export const snapshot = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(snapshot) as T
  if (!isPlain(value)) return value
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const item = snapshot((value as Record<string, unknown>)[key])
    // JSON may have a key that, assigned, would be the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: item, enumerable: true })
    else copy[key] = item
  }
  return copy as T
}
