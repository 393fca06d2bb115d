import { bodyStream } from '../../src/scope/body-stream.ts'
import { snapshot } from './snapshot.ts'

/**
 * What is stored of a result: a copy, so that what keeps it in memory does not see what other hooks do to it.
 *
 * @throws TypeError for a stream, RangeError for a value that contains itself.
 */
export const storedOf = (result: unknown): unknown => {
  if (bodyStream(result) !== undefined) throw new TypeError('a stream is read once and can not be stored')
  return snapshot(result)
}

/** The same as the caller gets it: without undefined values and instances of classes, which DynamoDB refuses. */
export const asJson = (result: unknown): unknown =>
  result === undefined ? undefined : JSON.parse(JSON.stringify(result))
