import type { IncomingMessage } from 'node:http'
import { type Ending, failed, type HttpMetadata, readFunctionError } from './results.ts'

const metadataContentType = 'application/vnd.awslambda.http-integration-response'
const delimiter = Buffer.alloc(8)

export function hasMetadata(response: IncomingMessage): boolean {
  return contentTypeOf(response) === metadataContentType
}

export function contentTypeOf(response: IncomingMessage): string {
  return response.headers['content-type'] ?? 'application/octet-stream'
}

/** Splits the HTTP metadata from the body; `undefined` while its end has not come. */
export function splitMetadata(bytes: Buffer): { metadata: HttpMetadata; body: Buffer } | undefined {
  const end = bytes.indexOf(delimiter)
  if (end < 0) return undefined
  return { metadata: parseMetadata(bytes.subarray(0, end)), body: bytes.subarray(end + delimiter.length) }
}

function parseMetadata(bytes: Buffer): HttpMetadata {
  try {
    return JSON.parse(bytes.toString()) as HttpMetadata
  } catch {
    return {}
  }
}

/** The ending of a streamed response whose last byte has come; a failure stands in its trailers. */
export function streamEnding(response: IncomingMessage, bytes: Buffer): Ending {
  const split = hasMetadata(response) ? splitMetadata(bytes) : undefined
  const body = split?.body ?? bytes
  const errorType = response.trailers['lambda-runtime-function-error-type']
  const errorBody = response.trailers['lambda-runtime-function-error-body']
  if (errorBody !== undefined) return failed(readFunctionError(Buffer.from(errorBody, 'base64').toString()), body)
  if (errorType !== undefined) return failed({ errorType, errorMessage: '', trace: [] }, body)
  return {
    status: 'ok',
    payload: undefined,
    body,
    contentType: contentTypeOf(response),
    streamed: true,
    metadata: split?.metadata,
  }
}

/** The ending of a streamed response whose reader has left. */
export const disconnected: Ending = failed({
  errorType: 'Client.Disconnected',
  errorMessage: 'The client closed its connection before the stream ended.',
  trace: [],
})

/** The ending of a streamed response whose connection broke. */
export function truncated(body: Buffer): Ending {
  return failed(
    {
      errorType: 'Runtime.TruncatedResponse',
      errorMessage: 'The connection closed before the stream ended.',
      trace: [],
    },
    body,
  )
}
