import { inspect } from 'node:util'

/** What a valid value of one option is, in words for the message and as a test. */
export interface Rule {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  /** What a message shows of a value that may have secrets in it. @defaultValue all of it */
  readonly shown?: (value: unknown) => unknown
  /** Whether the option must be given. */
  readonly required?: boolean
}

export type Rules<Options> = { readonly [Key in keyof Options]-?: Rule }

/** The longest delay Node.js keeps, in milliseconds: timers that are set to more fire at once. */
export const longestTimer: number = 2 ** 31 - 1

/** The same rule for an option without a default. */
export const required = (rule: Rule): Rule => ({ ...rule, required: true })

export const aBoolean: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }

export const aFunction: Rule = { expected: 'a function', accepts: (value) => typeof value === 'function' }

export const aSignal: Rule = { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal }

export const text: Rule = {
  expected: 'a non-empty string without NUL',
  accepts: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
}

export const strings: Rule = {
  expected: 'an array of strings',
  accepts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
}

export const milliseconds: Rule = {
  expected: `a number of milliseconds from 0 to ${longestTimer}`,
  accepts: (value) => typeof value === 'number' && value >= 0 && value <= longestTimer,
}

export const bytes: Rule = {
  expected: 'a whole number of bytes, 0 or more',
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
}

/** A whole number from `least` to `most`, both included. */
export const wholeNumber = (least: number, most: number = Number.MAX_SAFE_INTEGER): Rule => ({
  expected:
    most === Number.MAX_SAFE_INTEGER ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`,
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
})

export const oneOf = (...values: string[]): Rule => ({
  expected: values.map((value) => `'${value}'`).join(' or '),
  accepts: (value) => values.includes(value as string),
})

const received = (value: unknown): string => inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })

/** The error of one option, for checks that no rule can make: where it was given, its name, what was expected and what was received. */
export const invalidOption = (factory: string, option: string, expected: string, value: unknown): TypeError =>
  new TypeError(`${factory}: option "${option}" must be ${expected}, received ${received(value)}.`)

/** Returns what was given as options, or none. @throws TypeError if it is not an object. */
export const checkObject = <Options extends object>(factory: string, options: Options | undefined): Options => {
  if (options === undefined) return {} as Options
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${factory}: expected an object of options, received ${received(options)}.`)
  return options
}

/**
 * Checks the options given to a factory and returns them; `undefined` counts as not given, which a required option is
 * refused for.
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
  }
  for (const [key, rule] of Object.entries<Rule>(rules)) {
    const value = given[key as keyof Options]
    if ((rule.required || value !== undefined) && !rule.accepts(value))
      throw invalidOption(factory, key, rule.expected, rule.shown === undefined ? value : rule.shown(value))
  }
  return given
}
