import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { FunctionError, InvocationResult } from '../results.ts'
import type { LocalRuntime } from '../runtime.ts'
import { encodeEvent } from './event-stream.ts'
import type { InvokeRequest } from './request.ts'

/** Answers `Invoke`. */
export async function respond(runtime: LocalRuntime, invoke: InvokeRequest, response: ServerResponse): Promise<void> {
  const result = await runtime.invoke(invoke.event, invoke.options)
  if (result.status === 'ok') {
    response.writeHead(200, { 'content-type': result.contentType }).end(result.body)
  } else {
    const body = errorBody(result.error)
    response.writeHead(200, { 'content-type': 'application/json', 'x-amz-function-error': 'Unhandled' }).end(body)
  }
}

/** Answers `InvokeWithResponseStream`; a caller that leaves is seen by the function. */
export async function respondWithStream(
  runtime: LocalRuntime,
  invoke: InvokeRequest,
  response: ServerResponse,
): Promise<void> {
  const streamed = await runtime.invokeStream(invoke.event, { ...invoke.options, keepMetadata: true })
  response.writeHead(200, {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amzn-remapped-content-type': streamed.contentType,
  })
  response.flushHeaders()
  async function* events(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of streamed.body as AsyncIterable<Buffer>) {
        yield encodeEvent('PayloadChunk', 'application/octet-stream', chunk)
      }
    } catch {
      // The result says why the stream ended.
    }
    yield encodeEvent('InvokeComplete', 'application/json', Buffer.from(completion(await streamed.result)))
  }
  response.once('close', () => streamed.body.destroy())
  await pipeline(events, response)
}

function completion(result: InvocationResult): string {
  if (result.status === 'ok') return '{}'
  return JSON.stringify({ ErrorCode: 'Unhandled', ErrorDetails: errorBody(result.error) })
}

// Lambda sends no trace with an error of its own.
function errorBody({ errorType, errorMessage, trace }: FunctionError): string {
  return JSON.stringify(trace.length > 0 ? { errorType, errorMessage, trace } : { errorType, errorMessage })
}
