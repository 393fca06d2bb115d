import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'

const isStream = (value: unknown): value is Readable | ReadableStream =>
  value instanceof Readable || value instanceof ReadableStream

/** The stream a response is, or has for its body: it is still to be written when Middy's `after` hooks run. */
export const bodyStream = (response: unknown): Readable | ReadableStream | undefined => {
  if (typeof response !== 'object' || response === null) return undefined
  if (isStream(response)) return response
  const { body } = response as { readonly body?: unknown }
  return isStream(body) ? body : undefined
}
