import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { makeCertificate } from '../../../examples/backend/certificate.ts'

/** One call that a request of the function made: who made it, and the trace it said it belongs to. */
export interface DownstreamCall {
  readonly kind: string
  readonly order: string
  readonly root: string | undefined
  readonly parent: string | undefined
}

const portOf = (server: http.Server): number => (server.address() as AddressInfo).port

/** What a function calls over HTTP, with TLS or without: `/kind/order`, or the backend behind it with the order as a parameter's name. */
export class Downstream {
  readonly calls: DownstreamCall[] = []
  readonly url: string
  readonly secureUrl: string
  /** What a caller of `secureUrl` has to trust. */
  readonly certificate: string
  readonly #servers: readonly http.Server[]

  constructor(plain: http.Server, secure: https.Server, certificate: string, backend: string) {
    this.url = `http://127.0.0.1:${portOf(plain)}`
    this.secureUrl = `https://127.0.0.1:${portOf(secure)}`
    this.certificate = certificate
    this.#servers = [plain, secure]
    for (const server of this.#servers)
      server.on('request', (message, response) => void this.#serve(message, response, backend))
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        server.close()
        server.closeAllConnections()
        return once(server, 'close')
      }),
    )
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
  const { key, certificate } = makeCertificate()
  const plain = http.createServer({ keepAliveTimeout: 60_000 })
  const secure = https.createServer({ keepAliveTimeout: 60_000, key, cert: certificate })
  await Promise.all([plain, secure].map((server) => once(server.listen(0, '127.0.0.1'), 'listening')))
  return new Downstream(plain, secure, certificate, backend)
}
