import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'

const isStream = (value: unknown): boolean => value instanceof Readable || value instanceof ReadableStream

/** Whether a response is still to be written when Middy's `after` hooks run. */
export const isStreamed = (response: unknown): boolean =>
  isStream(response) || isStream((response as { body?: unknown } | null | undefined)?.body)
