import type { IncomingMessage } from 'node:http'
import type { Ending, InvocationResult } from './results.ts'

/** The stages one invocation goes through; each is entered once. */
export type Stage =
  | { readonly name: 'queued' }
  | { readonly name: 'admitted' }
  | { readonly name: 'delivered'; readonly worker: number }
  | { readonly name: 'settled'; readonly worker: number | undefined }

/** One event on its way to a worker and back. */
export class Invocation {
  readonly id: string
  readonly body: string
  readonly timeout: number
  readonly headers: Readonly<Record<string, string>>
  /** Takes over a streamed response; without it the bytes are collected. */
  readonly onStream: ((response: IncomingMessage, hangUp: () => void) => void) | undefined
  readonly result: Promise<InvocationResult>
  stage: Stage = { name: 'queued' }
  deadline = 0
  admittedAt = 0
  timer: NodeJS.Timeout | undefined
  readonly #resolve: (result: InvocationResult) => void

  constructor(fields: Pick<Invocation, 'id' | 'body' | 'timeout' | 'headers' | 'onStream'>) {
    this.id = fields.id
    this.body = fields.body
    this.timeout = fields.timeout
    this.headers = fields.headers
    this.onStream = fields.onStream
    let settle: (result: InvocationResult) => void = () => {}
    this.result = new Promise((resolve) => {
      settle = resolve
    })
    this.#resolve = settle
  }

  get worker(): number | undefined {
    return this.stage.name === 'delivered' || this.stage.name === 'settled' ? this.stage.worker : undefined
  }

  resolve(ending: Ending, durationMs: number): void {
    this.#resolve({ requestId: this.id, worker: this.worker, durationMs, ...ending })
  }
}
