import { isDeepStrictEqual } from 'node:util'
import type { FunctionError, InvocationResult } from 'middy-managed-instances/local'
import type { Summary } from '../summary.ts'

/** What an answer is worth: `foreign` is another upload's data, `torn` is data that no upload ever had. */
export type Verdict = 'right' | 'foreign' | 'torn' | 'unexpected' | 'unanswered'

/** What a request must be answered. */
export type Expected =
  | { readonly kind: 'payload'; readonly payload: unknown }
  | { readonly kind: 'body'; readonly body: string }
  | { readonly kind: 'error'; readonly error: RegExp }
  | { readonly kind: 'timeout' }

/** Compares an answer with what it must be. `isUpload` knows the checksums of everything that was uploaded. */
export const judge = (result: InvocationResult, expected: Expected, isUpload: (md5: string) => boolean): Verdict => {
  if (result.status === 'unanswered') return 'unanswered'
  if (isExpected(result, expected)) return 'right'
  if (result.status !== 'ok') return 'unexpected'
  if (result.streamed) return judgeWrongBody(result.body.toString())
  if (isSummary(result.payload)) return isUpload(result.payload.md5) ? 'foreign' : 'torn'
  return 'unexpected'
}

const isExpected = (result: InvocationResult, expected: Expected): boolean => {
  switch (expected.kind) {
    case 'payload':
      return result.status === 'ok' && isDeepStrictEqual(result.payload, expected.payload)
    case 'body':
      return result.status === 'ok' && result.streamed && result.body.toString() === expected.body
    case 'error':
      return result.status === 'function-error' && expected.error.test(describe(result.error))
    case 'timeout':
      // Middy answers just before the deadline; on a busy machine the platform's own answer may come first.
      return (
        result.status === 'timeout' || (result.status === 'function-error' && result.error.errorType === 'TimeoutError')
      )
    default:
      throw expected satisfies never
  }
}

/** A result in one line, for whoever asks why it was not right. */
export const inShort = (result: InvocationResult): string =>
  result.status === 'ok'
    ? JSON.stringify(result.payload ?? result.body.toString()).slice(0, 200)
    : describe(result.error)

const describe = ({ errorType, errorMessage }: FunctionError): string => `${errorType}: ${errorMessage}`

const isSummary = (payload: unknown): payload is Summary =>
  typeof payload === 'object' && payload !== null && 'md5' in payload

/** Lines that all name one upload are that upload's. */
const judgeWrongBody = (body: string): Verdict => {
  const uploads = new Set(body.match(/(?<="upload":")[^"]*/g))
  if (uploads.size === 0) return 'unexpected'
  return uploads.size === 1 ? 'foreign' : 'torn'
}
