import { EventEmitter } from 'node:events'
import type { Ending } from '../../../src/scope/scope.ts'
import { type Borrower, endedError } from '../pool/driver.ts'
import { inContext } from '../pool/in-context.ts'
import { QuietEmitter } from '../pool/quiet-emitter.ts'
import type { PgConnection } from './connection.ts'
import { silence } from './running-queries.ts'

interface Submittable extends EventEmitter {
  handleError?: (error: Error, connection: unknown) => void
}

/**
 * A pool client as one request sees it: everything a `pg.PoolClient` has, until it is revoked. It is not the client
 * itself, and does not lead to it: that one goes on to other requests. Listeners are this request's own.
 */
export class LeasedClient extends QuietEmitter {
  readonly #name: string
  readonly #borrower: Borrower
  /** Until it is revoked. */
  #connection: PgConnection | undefined
  #ending: Ending | undefined

  constructor(name: string, connection: PgConnection, borrower: Borrower) {
    super()
    this.#name = name
    this.#borrower = borrower
    this.#connection = connection
  }

  query(query: unknown, values?: unknown, callback?: unknown): unknown {
    const connection = this.#connection
    if (connection === undefined) return this.#refuse(query, [values, callback])
    return connection.query(query as string, inContext(values) as [], inContext(callback) as () => void)
  }

  /** Gives the client back before the request ends; with an error or `true` its connection is not used again. */
  release(destroy?: Error | boolean): void {
    const connection = this.#use('release()')
    if (destroy) connection.spoil()
    void this.#borrower.giveBack()
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

  revoke(ending: Ending | undefined): void {
    this.#ending = ending
    this.#connection = undefined
  }

  #use(use: string): PgConnection {
    if (this.#connection === undefined) throw endedError(this.#name, use, this.#ending)
    return this.#connection
  }

  /** Fails a query as node-postgres fails one on a broken connection, in each of its forms. */
  #refuse(query: unknown, rest: unknown[]): unknown {
    const error = endedError(this.#name, 'query()', this.#ending)
    if (isSubmittable(query)) {
      silence(query)
      process.nextTick(() => query.handleError?.(error, new EventEmitter()))
      return query
    }
    const callback = [...rest, (query as { callback?: unknown } | null)?.callback].find(
      (part): part is (error: Error) => void => typeof part === 'function',
    )
    if (callback !== undefined) {
      process.nextTick(callback, error)
      return undefined
    }
    const refused = Promise.reject(error)
    // Whoever goes on after the end of its request may not have thought of awaiting either.
    silence(refused)
    return refused
  }
}

const isSubmittable = (query: unknown): query is Submittable =>
  typeof query === 'object' && query !== null && 'submit' in query && typeof query.submit === 'function'
