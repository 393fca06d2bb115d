import { EventEmitter } from 'node:events'
import type { PgConnection } from './connection.ts'

type State =
  | { readonly kind: 'lent'; readonly connection: PgConnection }
  | { readonly kind: 'revoked'; readonly reason: (use: string) => Error }

interface Submittable extends EventEmitter {
  handleError?: (error: Error, connection: unknown) => void
}

const ignore = (): void => {}

/**
 * A pool client as one request sees it: everything a `pg.PoolClient` has, until it is revoked. It is not the client
 * itself, and does not lead to it: that one goes on to other requests. Listeners are this request's own.
 */
export class LeasedClient extends EventEmitter {
  readonly #name: string
  readonly #giveBack: () => Promise<void>
  #state: State
  #inFlight: unknown
  #othersInFlight: unknown[] | undefined

  constructor(name: string, connection: PgConnection, giveBack: () => Promise<void>) {
    super()
    this.#name = name
    this.#giveBack = giveBack
    this.#state = { kind: 'lent', connection }
  }

  query(...query: unknown[]): unknown {
    if (this.#state.kind === 'revoked') return this.#refuse(query, this.#state.reason('a query'))
    const { connection } = this.#state
    const alone = connection.state !== 'busy'
    const result: unknown = connection.query(...(query as [string]))
    if (alone) {
      this.#inFlight = result
      this.#othersInFlight = undefined
    } else {
      this.#othersInFlight ??= []
      this.#othersInFlight.push(result)
    }
    return result
  }

  /** Gives the client back before the request ends; with an error or `true` its connection is not used again. */
  release(destroy?: Error | boolean): void {
    const connection = this.#use('release()')
    if (destroy) connection.spoil()
    void this.#giveBack()
  }

  async end(callback?: (error?: Error) => void): Promise<void> {
    this.release(true)
    callback?.()
  }

  async connect(): Promise<never> {
    this.#use('connect()')
    throw new TypeError(`${this.#name}: connect() on a client that is connected already. Just use it.`)
  }

  get processID(): number {
    return (this.#use('processID') as unknown as { processID: number }).processID
  }

  get user(): string | undefined {
    return this.#use('user').user
  }

  get database(): string | undefined {
    return this.#use('database').database
  }

  get host(): string {
    return this.#use('host').host
  }

  get port(): number {
    return this.#use('port').port
  }

  getTransactionStatus(): unknown {
    return this.#use('getTransactionStatus()').getTransactionStatus()
  }

  escapeIdentifier(text: string): string {
    return this.#use('escapeIdentifier()').escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return this.#use('escapeLiteral()').escapeLiteral(text)
  }

  getTypeParser(...type: unknown[]): unknown {
    return this.#use('getTypeParser()').getTypeParser(...(type as [number]))
  }

  /** The parser is the connection's, which therefore serves nobody else. */
  setTypeParser(...parser: unknown[]): void {
    const connection = this.#use('setTypeParser()')
    connection.spoil()
    connection.setTypeParser(...(parser as Parameters<typeof connection.setTypeParser>))
  }

  ref(): void {}

  unref(): void {}

  /** Passes an event of the connection on to the request's listeners. */
  pass(event: string, ...details: unknown[]): void {
    if (this.listenerCount(event) > 0) this.emit(event, ...details)
  }

  revoke(reason: (use: string) => Error): void {
    if (this.#state.kind === 'revoked') return
    // What is running may be cancelled now, and nobody may be left to hear of it.
    if (this.#state.connection.state === 'busy')
      for (const query of [this.#inFlight, ...(this.#othersInFlight ?? [])]) silence(query)
    this.#state = { kind: 'revoked', reason }
    this.#inFlight = undefined
    this.#othersInFlight = undefined
  }

  #use(use: string): PgConnection {
    if (this.#state.kind === 'revoked') throw this.#state.reason(use)
    return this.#state.connection
  }

  /** Fails a query as node-postgres fails one on a broken connection, in each of its forms. */
  #refuse(query: unknown[], error: Error): unknown {
    const [first] = query
    const callback = query.find((part) => typeof part === 'function') as ((error: Error) => void) | undefined
    const submittable = first as Submittable | null | undefined
    if (typeof (first as { submit?: unknown } | null | undefined)?.submit === 'function') {
      process.nextTick(() => submittable?.handleError?.(error, new EventEmitter()))
      return first
    }
    if (callback !== undefined) {
      process.nextTick(callback, error)
      return undefined
    }
    const refused = Promise.reject(error)
    // Whoever goes on after the end of its request may not have thought of awaiting either.
    refused.catch(ignore)
    return refused
  }
}

const silence = (query: unknown): void => {
  if (query instanceof Promise) query.catch(ignore)
  else if (query instanceof EventEmitter) query.on('error', ignore)
}
