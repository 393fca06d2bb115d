import { EventEmitter } from 'node:events'
import type mysql from 'mysql2/promise'
import type { Ending } from '../../../src/scope/scope.ts'
import { type Borrower, endedError } from '../pool/driver.ts'
import { inContext } from '../pool/in-context.ts'
import { QuietEmitter } from '../pool/quiet-emitter.ts'
import type { MysqlConnection } from './connection.ts'
import type { Callback, Command, CoreConfig, PreparedStatement } from './internals.ts'
import type { ClientClass, Executor } from './leased-client.ts'
import { LeasedStatement } from './leased-statement.ts'
import { failUnsentRead, ReadQueries } from './read-queries.ts'

type CreateQuery = (query: unknown, values: unknown, callback: undefined, config: CoreConfig) => Command

const ignore = (): void => {}

/**
 * A pool's connection as one request sees it, with callbacks: what the request's client stands on, and its `connection`.
 * It fails all it is asked for once it is revoked, and does not lead to the connection itself, which goes on to other
 * requests. Listeners are this request's own.
 */
export class LeasedConnection extends QuietEmitter {
  readonly config: Readonly<CoreConfig>
  readonly client: mysql.PoolConnection
  readonly #name: string
  readonly #borrower: Borrower
  readonly #createQuery: CreateQuery
  /** Until it is revoked. */
  #connection: MysqlConnection | undefined
  #ending: Ending | undefined
  /** While a promise is begun, which goes on in the context of whoever awaits it. */
  #isAwaited = false
  #running: Promise<unknown> | undefined
  #othersRunning: Promise<unknown>[] | undefined
  #read: ReadQueries | undefined

  constructor(name: string, connection: MysqlConnection, borrower: Borrower, Client: ClientClass) {
    super()
    this.#name = name
    this.#borrower = borrower
    this.#connection = connection
    this.config = connection.sharedConfig
    this.#createQuery = (connection.core.constructor as unknown as { createQuery: CreateQuery }).createQuery
    this.client = new Client(this)
  }

  /** Begins what the request awaits. */
  begin(executor: Executor): Promise<unknown> {
    const isIdle = !this.#connection?.isBusy
    this.#isAwaited = true
    const begun = new Promise(executor)
    this.#isAwaited = false
    // Whoever goes on after the end of its request, or a loss, may not have thought of awaiting either.
    if (this.#connection === undefined || this.#connection.isClosed) begun.catch(ignore)
    else if (isIdle) {
      this.#running = begun
      this.#othersRunning = undefined
    } else {
      this.#othersRunning ??= []
      this.#othersRunning.push(begun)
      // Where one always waits behind another, nothing says that all have ended. They do so in order.
      const ended = this.#othersRunning.length - this.#connection.commands
      if (ended > 0) this.#othersRunning.splice(0, ended)
    }
    return begun
  }

  query(...parts: [unknown, unknown?, unknown?]): unknown {
    return this.#run('query', parts)
  }

  execute(...parts: [unknown, unknown?, unknown?]): unknown {
    return this.#run('execute', parts)
  }

  beginTransaction(callback?: Callback): unknown {
    return this.#run('query', ['START TRANSACTION', callback])
  }

  commit(callback?: Callback): unknown {
    return this.#run('query', ['COMMIT', callback])
  }

  rollback(callback?: Callback): unknown {
    return this.#run('query', ['ROLLBACK', callback])
  }

  ping(callback: Callback = ignore): void {
    const connection = this.#use('ping()', callback)
    connection?.core.ping(this.#bind(callback))
  }

  /** What it takes away is more than the pool expects to be gone. */
  reset(callback: Callback = ignore): void {
    const connection = this.#use('reset()', callback)
    connection?.change()
    connection?.core.reset(this.#bind(callback))
  }

  /** The user is the connection's, which therefore serves nobody else. */
  changeUser(options: unknown, callback: Callback = ignore): void {
    const connection = this.#use('changeUser()', callback)
    connection?.spoil()
    connection?.core.changeUser(options, this.#bind(callback))
  }

  prepare(options: unknown, callback: Callback = ignore): void {
    const connection = this.#use('prepare()', callback)
    const done = this.#bind(callback)
    connection?.core.prepare(options, (error, statement) =>
      error ? done(error) : done(null, new LeasedStatement(this, options, statement)),
    )
  }

  unprepare(query: unknown): unknown {
    return this.#use('unprepare()').core.unprepare(query)
  }

  executePrepared(statement: PreparedStatement, parts: unknown[]): unknown {
    const connection = this.#connection
    const { query } = statement
    if (connection === undefined) return this.#refuse('execute()', [query, ...parts])
    if (connection.isClosed && !parts.some(isFunction)) return this.#lost([query, ...parts])
    connection.note(query)
    return this.#follow(statement.execute(...parts.map(inContext)), parts)
  }

  get threadId(): number {
    return this.#use('threadId').core.threadId
  }

  get state(): string {
    return this.#connection?.core.state ?? 'disconnected'
  }

  get authorized(): boolean {
    return this.#connection?.core.authorized ?? false
  }

  format(...parts: unknown[]): string {
    return this.#use('format()').core.format(...parts)
  }

  escape(value: unknown): string {
    return this.#use('escape()').core.escape(value)
  }

  escapeId(value: unknown): string {
    return this.#use('escapeId()').core.escapeId(value)
  }

  /** What is paused now may not be resumed, so that the connection serves nobody else. */
  pause(): void {
    const connection = this.#use('pause()')
    connection.spoil()
    connection.core.pause()
  }

  resume(): void {
    this.#use('resume()').core.resume()
  }

  connect(callback: Callback = ignore): void {
    if (this.#use('connect()', callback) !== undefined) process.nextTick(callback, null, this)
  }

  promise(): mysql.PoolConnection {
    return this.client
  }

  /** Gives the client back before the request ends. */
  release(): void {
    this.#use('release()')
    void this.#borrower.giveBack()
  }

  /** Gives the client back; its connection is not used again. */
  destroy(): void {
    this.#use('destroy()').spoil()
    void this.#borrower.giveBack()
  }

  close(): void {
    this.destroy()
  }

  end(callback: Callback = ignore): void {
    this.destroy()
    process.nextTick(callback, null)
  }

  [Symbol.dispose](): void {
    if (this.#connection !== undefined) this.release()
  }

  /** Passes an event of the connection on to the request's listeners. */
  pass(event: string, ...details: unknown[]): void {
    const { client } = this
    if (this.listenerCount(event) > 0) this.emit(event, ...details)
    if (client.listenerCount(event) > 0) client.emit(event, ...details)
  }

  /** The connection is lost. */
  lose(error: Error): void {
    this.#read?.fail(error)
    this.pass('error', error)
  }

  /** What is running is cancelled or lost, and nobody may be left to hear of it. */
  silence(): void {
    this.#running?.catch(ignore)
    for (const begun of this.#othersRunning ?? []) begun.catch(ignore)
    this.#read?.silence()
  }

  revoke(ending: Ending | undefined): void {
    if (this.#connection?.isBusy) this.silence()
    this.#ending = ending
    this.#connection = undefined
    this.#read = undefined
  }

  #run(method: 'query' | 'execute', parts: unknown[]): unknown {
    const connection = this.#connection
    if (connection === undefined) return this.#refuse(`${method}()`, parts)
    if (connection.isClosed && !parts.some(isFunction)) return this.#lost(parts)
    const [query, values, callback] = parts
    return this.#follow(connection.query(method, query, this.#bind(values), this.#bind(callback)), parts)
  }

  #bind<T>(part: T): T {
    return this.#isAwaited ? part : inContext(part)
  }

  #follow(query: Command, parts: unknown[]): Command {
    if (parts.some(isFunction)) return query
    this.#read ??= new ReadQueries()
    this.#read.follow(query)
    return query
  }

  #use(use: string): MysqlConnection
  #use(use: string, callback: Callback): MysqlConnection | undefined
  #use(use: string, callback?: Callback): MysqlConnection | undefined {
    if (this.#connection !== undefined) return this.#connection
    const error = endedError(this.#name, use, this.#ending)
    if (callback === undefined) throw error
    process.nextTick(callback, error)
    return undefined
  }

  /** Fails a query as mysql2 fails one on a broken connection, in each of its forms. */
  #refuse(use: string, parts: unknown[]): unknown {
    const error = endedError(this.#name, use, this.#ending)
    const callback = parts.find(isFunction)
    if (callback !== undefined) {
      process.nextTick(callback, error)
      return new EventEmitter()
    }
    return this.#neverSent(parts, error)
  }

  /** Fails what is to be read over a closed connection, where mysql2 tells nobody but listeners of the connection. */
  #lost(parts: unknown[]): Command {
    const error = closedError(this.#name)
    process.nextTick(() => this.pass('error', error))
    return this.#neverSent(parts, error)
  }

  #neverSent([query, values]: unknown[], error: Error): Command {
    const command = this.#createQuery(query, values, undefined, this.config)
    failUnsentRead(command, error)
    return command
  }
}

const closedError = (name: string): Error => {
  const message = `${name}: the query was not sent, since its connection is lost or closed. The next request has another one.`
  return Object.assign(new Error(message), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true })
}

const isFunction = (part: unknown): part is (error: Error) => void => typeof part === 'function'
