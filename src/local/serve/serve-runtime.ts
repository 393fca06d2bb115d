import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkOptions, type Rules, text, wholeNumber } from '../../options.ts'
import type { LocalRuntime } from '../runtime.ts'
import { readInvokeRequest } from './request.ts'
import { respond, respondWithStream } from './respond.ts'
import { toServiceError } from './service-error.ts'

/** Where a runtime is served. */
export interface ServeOptions {
  /** Port; 0 takes a free one. Default 9000. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string
}

/** A runtime that answers Lambda's Invoke API. */
export interface LambdaEndpoint extends AsyncDisposable {
  /** The `endpoint` for an AWS SDK. */
  readonly url: string
  readonly port: number
  /** Closes the port and its connections; the runtime runs on. Idempotent. */
  close(): Promise<void>
}

const rules: Rules<ServeOptions> = { port: wholeNumber(0, 65_535), host: text }

/**
 * Serves a runtime as Lambda's Invoke API: `Invoke` (RequestResponse, Event, DryRun) and `InvokeWithResponseStream`, for any function
 * name and without checking signatures.
 *
 * @throws {TypeError} when an option is unknown or of the wrong type or range
 * @throws the error of the operating system when the port cannot be opened
 *
 * @example
 * ```ts
 * import { serveRuntime, startRuntime } from 'middy-managed-instances/local'
 *
 * const runtime = await startRuntime({ handler: 'examples/orders.handler' })
 * const endpoint = await serveRuntime(runtime, { port: 0 })
 * const response = await fetch(`${endpoint.url}/2015-03-31/functions/orders/invocations`, { method: 'POST', body: '{}' })
 * console.log(await response.json())
 * await endpoint.close()
 * await runtime.stop()
 * ```
 */
export async function serveRuntime(runtime: LocalRuntime, options: ServeOptions = {}): Promise<LambdaEndpoint> {
  const { port = 9000, host = '127.0.0.1' } = checkOptions('serveRuntime()', rules, options)
  const server = http.createServer((request, response) => void handle(runtime, request, response))
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  let closed: Promise<void> | undefined

  function close(): Promise<void> {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return closed
  }

  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function handle(
  runtime: LocalRuntime,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const requestId = randomUUID()
  response.setHeader('x-amzn-requestid', requestId)
  try {
    const invoke = await readInvokeRequest(request, requestId, runtime)
    response.setHeader('x-amz-executed-version', '$LATEST')
    if (invoke.type === 'DryRun') {
      response.writeHead(204).end()
    } else if (invoke.type === 'Event') {
      // What becomes of it is in the runtime's stats and logs.
      runtime.invoke(invoke.event, invoke.options).catch(() => {})
      response.writeHead(202, { 'content-length': 0 }).end()
    } else if (invoke.streaming) {
      await respondWithStream(runtime, invoke, response)
    } else {
      await respond(runtime, invoke, response)
    }
  } catch (error) {
    if (response.headersSent) response.destroy()
    else toServiceError(error).send(response)
  }
}
