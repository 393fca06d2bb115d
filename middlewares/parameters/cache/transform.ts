import { types } from 'node:util'
import { ParameterTransformError } from '../errors.ts'
import type { AnyTransform } from '../options.ts'

const asText = (raw: unknown): string => (raw instanceof Uint8Array ? new TextDecoder().decode(raw) : (raw as string))

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

const decode = (source: string, raw: unknown): Uint8Array => {
  if (raw instanceof Uint8Array) return raw
  const text = (raw as string).trim()
  if (!base64.test(text))
    throw new ParameterTransformError(
      source,
      'binary',
      'it is not base64',
      "Store it as base64, or leave transform: 'binary' out.",
    )
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

// No cause: the message of a SyntaxError quotes the text.
const parse = (source: string, raw: unknown): unknown => {
  try {
    return JSON.parse(asText(raw))
  } catch {
    throw new ParameterTransformError(source, 'json', 'it is not JSON', "Store JSON, or leave transform: 'json' out.")
  }
}

const isText = (raw: unknown): boolean => typeof raw === 'string' || raw instanceof Uint8Array

/**
 * Makes the value of what was fetched.
 *
 * @throws {@link ParameterTransformError}
 */
export const applyTransform = (source: string, transform: AnyTransform | undefined, raw: unknown): unknown => {
  if (typeof transform === 'object') return applyToEach(source, transform.each, raw as object)
  if (typeof transform === 'function') return applyFunction(source, transform as (raw: unknown) => unknown, raw)
  if (transform === undefined) return raw
  if (!isText(raw))
    throw new ParameterTransformError(
      source,
      transform,
      `it is ${raw === null ? 'null' : typeof raw}, neither text nor bytes`,
      `Leave transform: '${transform}' out.`,
    )
  switch (transform) {
    case 'json':
      return parse(source, raw)
    case 'binary':
      return decode(source, raw)
    default:
      return transform satisfies never
  }
}

const applyFunction = (source: string, transform: (raw: unknown) => unknown, raw: unknown): unknown => {
  const name = transform.name || 'function'
  let value: unknown
  try {
    value = transform(raw)
  } catch (error) {
    if (error instanceof ParameterTransformError) throw error
    const thrown = error instanceof Error ? error.name : typeof error
    throw new ParameterTransformError(
      source,
      name,
      `its transform threw ${thrown}`,
      'Correct the stored value or the transform.',
    )
  }
  if (!types.isPromise(value)) return value
  value.catch(() => {})
  throw new ParameterTransformError(
    source,
    name,
    'its transform returned a promise',
    'Make it synchronous, or await in a loader() instead.',
  )
}

const applyToEach = (source: string, transform: AnyTransform, values: object): object =>
  Object.fromEntries(
    Object.entries(values).map(([name, raw]) => [
      name,
      applyTransform(`${source} ${JSON.stringify(name)}`, transform, raw),
    ]),
  )
