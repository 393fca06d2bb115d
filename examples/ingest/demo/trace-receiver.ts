import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** As much as we read of a segment or subsegment of the X-Ray SDK. */
export interface Document {
  readonly id: string
  readonly trace_id: string
  readonly parent_id: string
  readonly name: string
  readonly in_progress?: boolean
  readonly annotations?: { readonly file?: string }
}

/** What the X-Ray daemon is for the SDK: it takes segments by UDP, on loopback. */
export class TraceReceiver {
  readonly #thread: Worker
  /** The value of `AWS_XRAY_DAEMON_ADDRESS`. */
  readonly address: string

  constructor(thread: Worker, port: number) {
    this.#thread = thread
    this.address = `127.0.0.1:${port}`
  }

  /** All that has arrived, but for what was sent of segments that were still open. */
  async documents(): Promise<readonly Document[]> {
    this.#thread.postMessage('collect')
    const [datagrams] = (await once(this.#thread, 'message')) as [readonly string[]]
    const documents = datagrams.map((datagram): Document => JSON.parse(datagram.slice(datagram.indexOf('\n'))))
    return documents.filter(({ in_progress }) => !in_progress)
  }

  async stop(): Promise<void> {
    await this.#thread.terminate()
  }
}

export const startTraceReceiver = async (): Promise<TraceReceiver> => {
  const thread = new Worker(new URL('./trace-socket.ts', import.meta.url))
  const [port] = (await once(thread, 'message')) as [number]
  return new TraceReceiver(thread, port)
}
