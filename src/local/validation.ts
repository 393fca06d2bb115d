import { inspect } from 'node:util'

/** The TypeError of a bad option: where it was given, its name, what was expected and what came. */
export function invalid(where: string, option: string, expected: string, received: unknown): TypeError {
  return new TypeError(
    `${where}: option "${option}" must be ${expected}, received ${inspect(received, { depth: 1, breakLength: Infinity })}`,
  )
}

export function allowKeys(where: string, options: unknown, allowed: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where}: the options must be an object, received ${inspect(options, { depth: 1 })}`)
  }
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(allowed, key)) {
      throw invalid(
        where,
        key,
        `absent: the known options are ${Object.keys(allowed).join(', ')}`,
        Reflect.get(options, key),
      )
    }
  }
}

export function checkString(where: string, option: string, value: unknown): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw invalid(where, option, 'a string that is not empty', value)
  }
}

export function checkPrintable(where: string, option: string, value: unknown): void {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(value)) {
    throw invalid(where, option, 'a string of printable ASCII characters', value)
  }
}

export function checkStrings(where: string, option: string, value: unknown): void {
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw invalid(where, option, 'an array of strings', value)
  }
}

export function checkInteger(where: string, option: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw invalid(where, option, `an integer from ${least} to ${most}`, value)
  }
}

export function checkSignal(where: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) throw invalid(where, 'signal', 'an AbortSignal', value)
}

export function checkBoolean(where: string, option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(where, option, 'true or false', value)
}

export function checkFunction(where: string, option: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(where, option, 'a function', value)
}
