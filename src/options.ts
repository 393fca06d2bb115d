import { inspect } from 'node:util'

/** What a valid value of one option is, in words for the message and as a test. */
export interface Rule {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

export type Rules<Options> = { readonly [Key in keyof Options]-?: Rule }

export const aBoolean: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }

export const aFunction: Rule = { expected: 'a function', accepts: (value) => typeof value === 'function' }

export const milliseconds: Rule = {
  expected: 'a number of milliseconds from 0 to 2147483647',
  accepts: (value) => typeof value === 'number' && value >= 0 && value < 2 ** 31,
}

export const bytes: Rule = {
  expected: 'a whole number of bytes, 0 or more',
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
}

export const oneOf = (...values: string[]): Rule => ({
  expected: values.map((value) => `'${value}'`).join(' or '),
  accepts: (value) => values.includes(value as string),
})

const received = (value: unknown): string => inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })

/** Returns what was given as options, or none. @throws TypeError if it is not an object. */
export const checkObject = <Options extends object>(factory: string, options: Options | undefined): Options => {
  if (options === undefined) return {} as Options
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${factory}: expected an object of options, received ${received(options)}.`)
  return options
}

/**
 * Checks the options given to a factory and returns them; `undefined` counts as not given.
 *
 * @throws TypeError that names the factory, the option, what was expected and what was received.
 */
export const checkOptions = <Options extends object>(
  factory: string,
  rules: Rules<Options>,
  options: Options | undefined,
): Options => {
  const given = checkObject(factory, options)
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, key))
      throw new TypeError(
        `${factory}: unknown option "${key}" (received ${received(value)}); expected one of ${Object.keys(rules).join(', ')}.`,
      )
    const rule = rules[key as keyof Options]
    if (value !== undefined && !rule.accepts(value))
      throw new TypeError(`${factory}: option "${key}" must be ${rule.expected}, received ${received(value)}.`)
  }
  return given
}
