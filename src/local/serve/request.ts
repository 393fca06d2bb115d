import type { IncomingMessage } from 'node:http'
import type { InvokeOptions } from '../invoke-options.ts'
import { payloadLimit } from '../results.ts'
import type { LocalRuntime } from '../runtime.ts'
import { ServiceError } from './service-error.ts'

/** What a caller of the Invoke API wants. */
export interface InvokeRequest {
  readonly streaming: boolean
  readonly type: 'RequestResponse' | 'Event' | 'DryRun'
  readonly event: unknown
  readonly options: InvokeOptions
}

const invokePath = /^\/2015-03-31\/functions\/[^/]+\/invocations\/?$/
const streamPath = /^\/2021-11-15\/functions\/[^/]+\/response-streaming-invocations\/?$/
const types: readonly string[] = ['RequestResponse', 'Event', 'DryRun']

export async function readInvokeRequest(
  request: IncomingMessage,
  requestId: string,
  runtime: Pick<LocalRuntime, 'inFlight' | 'concurrency'>,
): Promise<InvokeRequest> {
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  const streaming = streamPath.test(path)
  if (request.method !== 'POST' || !(streaming || invokePath.test(path))) {
    throw new ServiceError(
      404,
      'ResourceNotFoundException',
      `${request.method} ${path} is not served here. Use POST /2015-03-31/functions/NAME/invocations, ` +
        'or /2021-11-15/functions/NAME/response-streaming-invocations.',
    )
  }
  const type = header(request, 'x-amz-invocation-type') ?? 'RequestResponse'
  if (!types.includes(type) || (streaming && type === 'Event')) {
    throw new ServiceError(400, 'InvalidParameterValueException', `Invocation type ${type} is not supported here`)
  }
  if (header(request, 'x-amz-log-type') === 'Tail') {
    const message = 'Log type Tail is not supported for functions on Lambda Managed Instances'
    throw new ServiceError(400, 'InvalidParameterValueException', message)
  }
  const body = await readBody(request)
  const event = parseEvent(body)
  if (type === 'RequestResponse' && runtime.inFlight >= runtime.concurrency) {
    throw new ServiceError(429, 'TooManyRequestsException', 'Rate Exceeded.', {
      Reason: 'ConcurrentInvocationLimitExceeded',
    })
  }
  const tenantId = header(request, 'x-amz-tenant-id')
  const traceId = header(request, 'x-amzn-trace-id')
  const clientContext = header(request, 'x-amz-client-context')
  return {
    streaming,
    type: type as InvokeRequest['type'],
    event,
    options: {
      requestId,
      ...(tenantId !== undefined && { tenantId }),
      ...(traceId !== undefined && { traceId }),
      ...(clientContext !== undefined && { clientContext: parseClientContext(clientContext) }),
    },
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    // The rest is read and dropped: a caller that still sends would not see the answer.
    if (length <= payloadLimit) chunks.push(chunk)
  }
  if (length > payloadLimit) {
    const message = `Request must be smaller than ${payloadLimit} bytes for the InvokeFunction operation`
    throw new ServiceError(413, 'RequestTooLargeException', message)
  }
  return Buffer.concat(chunks)
}

function parseEvent(body: Buffer): unknown {
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString())
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`
    throw new ServiceError(400, 'InvalidRequestContentException', message)
  }
}

function parseClientContext(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString())
  } catch {
    throw new ServiceError(
      400,
      'InvalidRequestContentException',
      'Client context must be a valid Base64-encoded JSON object.',
    )
  }
}
