import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Dispatcher, Poll } from './dispatcher.ts'
import { helloPath, workerHeader } from './inside/configuration.ts'
import type { Invocation } from './invocation.ts'
import { disconnected, streamEnding, truncated } from './response-body.ts'
import { answered, type FunctionError, failed, payloadLimit, readFunctionError } from './results.ts'

const base = '/2018-06-01/runtime/'

// A connection that breaks is either the function's doing or the first sign of a dying worker: the report of the death decides.
const reportGrace = 250

/** Lambda's Runtime API on loopback, for one environment. */
export class RuntimeApi {
  readonly #dispatcher: Dispatcher
  readonly #onReady: (worker: number) => void
  readonly #onInitError: (error: FunctionError) => void
  readonly #answerSockets = new Map<number, Socket>()
  readonly #server: http.Server

  constructor(dispatcher: Dispatcher, onReady: (worker: number) => void, onInitError: (error: FunctionError) => void) {
    this.#dispatcher = dispatcher
    this.#onReady = onReady
    this.#onInitError = onInitError
    this.#server = http.createServer((request, response) => this.#route(request, response))
    // An idle connection that the server closes while its worker writes would cost an answer.
    this.#server.keepAliveTimeout = 0
    this.#server.requestTimeout = 0
    this.#server.headersTimeout = 0
  }

  async listen(host: string): Promise<number> {
    this.#server.listen(0, host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Waits until everything the worker has answered is read, or the bound has passed. */
  async drained(worker: number, bound: number): Promise<void> {
    const socket = this.#answerSockets.get(worker)
    if (socket === undefined || socket.closed) return
    await once(socket, 'close', { signal: AbortSignal.timeout(bound) }).catch(() => {})
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #route(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? ''
    if (url === helloPath) {
      this.#answerSockets.set(workerOf(request), request.socket)
      accept(request, response)
    } else if (url === `${base}invocation/next`) {
      this.#next(request, response)
    } else if (url === `${base}init/error`) {
      collect(request, Number.POSITIVE_INFINITY, (body) => {
        accept(request, response)
        this.#onInitError(readFunctionError(body.toString()))
      })
    } else {
      const [, id = '', kind] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(url) ?? []
      if (kind === undefined) response.writeHead(404).end()
      else this.#answer(decodeURIComponent(id), kind, request, response)
    }
  }

  #next(request: http.IncomingMessage, response: http.ServerResponse): void {
    const worker = workerOf(request)
    const poll: Poll = {
      worker,
      deliver: (invocation) => response.writeHead(200, nextHeaders(invocation)).end(invocation.body),
    }
    response.once('close', () => this.#dispatcher.unpoll(poll))
    this.#onReady(worker)
    this.#dispatcher.poll(poll)
  }

  #answer(id: string, kind: string, request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.headers['lambda-runtime-function-response-mode'] === 'streaming') {
      this.#answerStream(id, request, response)
      return
    }
    // One byte more than the limit is enough to know that it is exceeded.
    collect(request, payloadLimit + 1, (body) => {
      accept(request, response)
      this.#dispatcher.settle(id, kind === 'error' ? failed(readFunctionError(body.toString())) : answered(body))
    })
  }

  #answerStream(id: string, request: http.IncomingMessage, response: http.ServerResponse): void {
    const onStream = this.#dispatcher.find(id)?.onStream
    const chunks: Buffer[] = []
    if (onStream) {
      onStream(request, () => {
        hangUp(request, response)
        this.#dispatcher.settle(id, disconnected)
      })
    } else {
      request.on('data', (chunk: Buffer) => {
        // What comes after the deadline has no reader.
        if (this.#dispatcher.find(id) !== undefined) chunks.push(chunk)
      })
    }
    request.once('end', () => {
      accept(request, response)
      this.#dispatcher.settle(id, streamEnding(request, Buffer.concat(chunks)))
    })
    request.once('close', () => {
      if (request.complete) return
      setTimeout(() => this.#dispatcher.settle(id, truncated(Buffer.concat(chunks))), reportGrace).unref()
    })
    request.on('error', () => {})
  }
}

function workerOf(request: http.IncomingMessage): number {
  return Number(request.headers[workerHeader])
}

function nextHeaders(invocation: Invocation): http.OutgoingHttpHeaders {
  return {
    ...invocation.headers,
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': invocation.id,
    'lambda-runtime-deadline-ms': invocation.deadline,
  }
}

function accept(request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume()
  // A client that was hung up on has its reply.
  if (!response.headersSent) response.writeHead(202, { 'content-length': 0 }).end()
}

// The client's reply comes first: a connection that breaks without one rejects a promise of the runtime client that nobody handles, and
// its worker would die of that. So the function sees its stream closed, and lives.
function hangUp(request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(202, { connection: 'close', 'content-length': 0 }).end()
  request.resume()
}

function collect(request: http.IncomingMessage, limit: number, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  request.on('data', (chunk: Buffer) => {
    if (length < limit) chunks.push(chunk)
    length += chunk.length
  })
  request.once('end', () => done(Buffer.concat(chunks)))
  request.on('error', () => {})
}
