import { Agent, get, type IncomingHttpHeaders } from 'node:http'
import net from 'node:net'
import { blockWrites } from './blocking.ts'
import { helloPath, type WorkerConfiguration, workerHeader } from './configuration.ts'

/** What the runtime client asks of its native addon. */
export interface NativeClient {
  next(): Promise<{ bodyJson: string; headers: IncomingHttpHeaders }>
  done(id: string, body: string): void
  error(id: string, body: string, cause: string): void
}

const invocations = '/2018-06-01/runtime/invocation'

/**
 * The addon's three calls over loopback HTTP. Polls have a connection of their own and so have answers: the runtime client's one socket
 * stays free for streamed responses, as it is with the addon.
 */
export function createNativeClient({ host, port, worker }: WorkerConfiguration): NativeClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const headers = { [workerHeader]: String(worker) }
  // Answers are pipelined on one blocking socket: the kernel has all of an answer before done() returns, as with the addon's blocking
  // request, so that a worker that dies right after an answer has given it.
  const answers = net.connect({ host, port, noDelay: true })
  blockWrites(answers)
  answers.unref()
  answers.resume()
  answers.on('error', (error) => process.stderr.write(`The local Runtime API is gone: ${error.message}\n`))

  function post(path: string, body: string): void {
    answers.write(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${workerHeader}: ${worker}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }

  post(helloPath, '')

  return {
    next() {
      return new Promise((resolve, reject) => {
        // Taken at import: a tracer that patches node:http must not take polls for calls of a handler.
        const request = get({ host, port, path: `${invocations}/next`, headers, agent }, (response) => {
          let bodyJson = ''
          response.setEncoding('utf8')
          response.on('data', (text: string) => {
            bodyJson += text
          })
          response.once('end', () => resolve({ bodyJson, headers: response.headers }))
          response.once('error', reject)
        })
        request.once('error', reject)
      })
    },
    done: (id, body) => post(`${invocations}/${id}/response`, body),
    error: (id, body) => post(`${invocations}/${id}/error`, body),
  }
}
