import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** A segment or subsegment as the X-Ray SDK sends it. */
export interface Document {
  readonly id: string
  readonly trace_id: string
  readonly parent_id: string
  readonly name: string
  readonly in_progress?: boolean
  readonly fault?: boolean
  readonly error?: boolean
  readonly annotations?: Readonly<Record<string, unknown>>
  readonly metadata?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly cause?: { readonly exceptions: readonly { readonly message: string }[] }
  readonly subsegments?: readonly Document[]
}

/** What the X-Ray daemon is for the SDK: a listener for datagrams on loopback. */
export class Daemon {
  readonly #receiver: Worker
  readonly address: string
  readonly documents: Document[] = []

  constructor(receiver: Worker, port: number) {
    this.#receiver = receiver
    this.address = `127.0.0.1:${port}`
  }

  /** Waits until so many documents have arrived, or until for `silence` milliseconds no more have. */
  async receive(count: number, silence = 1_000): Promise<Document[]> {
    let last = performance.now()
    while (this.documents.length < count && performance.now() - last < silence) {
      const before = this.documents.length
      await wait(10)
      await this.#collect()
      if (this.documents.length > before) last = performance.now()
    }
    return this.documents
  }

  async stop(): Promise<void> {
    await this.#receiver.terminate()
  }

  async #collect(): Promise<void> {
    this.#receiver.postMessage('collect')
    const [{ received }] = (await once(this.#receiver, 'message')) as [{ received: string[] }]
    for (const message of received) {
      const [header, document] = message.split('\n')
      if (header !== '{"format":"json","version":1}') throw new Error(`Not of the SDK: ${message}`)
      this.documents.push(JSON.parse(document ?? ''))
    }
  }
}

export const startDaemon = async (): Promise<Daemon> => {
  const receiver = new Worker(new URL('./udp-receiver.ts', import.meta.url))
  const [{ port }] = (await once(receiver, 'message')) as [{ port: number }]
  return new Daemon(receiver, port)
}
