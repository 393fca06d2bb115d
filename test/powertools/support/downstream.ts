import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** One call that a request of the function made: who made it, and the trace it said it belongs to. */
export interface DownstreamCall {
  readonly kind: string
  readonly order: string
  readonly root: string | undefined
  readonly parent: string | undefined
}

/** What a function calls over HTTP: `/kind/order`, or the backend behind it with the order as a parameter's name. */
export class Downstream {
  readonly calls: DownstreamCall[] = []
  readonly #server: http.Server

  constructor(server: http.Server, backend: string) {
    this.#server = server
    server.on('request', (message, response) => void this.#serve(message, response, backend))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #serve(message: http.IncomingMessage, response: http.ServerResponse, backend: string): Promise<void> {
    const fields = new URLSearchParams(String(message.headers['x-amzn-trace-id'] ?? '').replaceAll(';', '&'))
    const trace = { root: fields.get('Root') ?? undefined, parent: fields.get('Parent') ?? undefined }
    const [, kind = '', order = ''] = message.url?.split('/') ?? []
    if (message.method === 'GET') {
      this.calls.push({ kind, order, ...trace })
      response.end('ok')
      return
    }
    const body = await text(message)
    this.calls.push({ kind: 'sdk', order: String(JSON.parse(body).Name).slice(1), ...trace })
    const forwarded = http.request(backend, { method: 'POST', headers: message.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    forwarded.end(body)
  }
}

export const startDownstream = async (backend: string): Promise<Downstream> => {
  const server = http.createServer({ keepAliveTimeout: 60_000 }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new Downstream(server, backend)
}
