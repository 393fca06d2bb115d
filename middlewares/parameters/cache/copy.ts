import { types } from 'node:util'

/** Whether a value is a plain object or an array, all of which can be read and frozen. */
export const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null) return !types.isModuleNamespaceObject(value)
  return Array.isArray(value) || prototype === Object.prototype
}

export const isBytes = (value: object): boolean => ArrayBuffer.isView(value) || types.isArrayBuffer(value)

/** Not those of classes that extend them. */
const isOf = (prototype: object, value: object): boolean => Object.getPrototypeOf(value) === prototype
export const isDate = (value: object): value is Date => isOf(Date.prototype, value)
export const isMap = (value: object): value is Map<unknown, unknown> => isOf(Map.prototype, value)
export const isSet = (value: object): value is Set<unknown> => isOf(Set.prototype, value)

// Only the bytes themselves: a Buffer is often cut from a pool, where other secrets lie beside it.
const copyBytes = (value: object): object => {
  if (types.isArrayBuffer(value)) return value.slice(0)
  const { buffer, byteOffset, byteLength } = value as ArrayBufferView
  if (value instanceof DataView) return new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
  return Uint8Array.prototype.slice.call(value as Uint8Array)
}

/**
 * Copies plain objects, arrays, bytes, dates, maps and sets, all the way down; what is an instance of another class, or a
 * function, stays itself. Unlike `structuredClone`, which refuses functions, strips instances of their class, and makes
 * bare bytes of a Buffer.
 */
export const copyOf = (value: unknown, copies: Map<object, object> = new Map()): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  const keep = <C extends object>(copy: C): C => {
    copies.set(value, copy)
    return copy
  }
  if (isBytes(value)) return keep(copyBytes(value))
  if (isDate(value)) return keep(new Date(value))
  if (isMap(value)) {
    const copy = keep(new Map())
    for (const [key, item] of value) copy.set(copyOf(key, copies), copyOf(item, copies))
    return copy
  }
  if (isSet(value)) {
    const copy = keep(new Set())
    for (const item of value) copy.add(copyOf(item, copies))
    return copy
  }
  if (!isPlain(value)) return value
  const copy = keep(Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value)))
  // Assigned, one that is called __proto__ would become the prototype.
  for (const [name, item] of Object.entries(value))
    Object.defineProperty(copy, name, {
      value: copyOf(item, copies),
      configurable: true,
      enumerable: true,
      writable: true,
    })
  return copy
}
