import { setImmediate as nextTurn } from 'node:timers/promises'
import type postgres from 'postgres'
import type { Ending } from '../../../src/scope/scope.ts'
import { resetSession } from '../pg/session.ts'
import { SessionState } from '../pg/session-state.ts'
import { doneWithin } from '../pool/bounded.ts'
import { type ConnectionState, endedError, type PoolConnection } from '../pool/driver.ts'
import { Idleness } from '../pool/idleness.ts'
import { jittered } from '../pool/lifetime.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { isLoss } from './diagnosis.ts'
import { hasColumns, isOutOfStep, primitivesOf, type Query, type QueryPrimitives, silence } from './query.ts'
import { RunningQueries } from './running-queries.ts'
import { lost, noAnswer, Sockets } from './sockets.ts'
import { Transaction } from './transaction.ts'

/** What becomes of a connection. */
export interface Owner {
  /** It comes back from a request. */
  take(connection: PostgresConnection, fate: 'keep' | 'destroy'): void
  /** It was lost, or has ended. */
  lost(connection: PostgresConnection, idle: boolean): void
}

/** Who hears what the server notifies a session of. */
export interface Audience {
  notify(channel: string, payload: string): void
  lost(): void
}

const endBound = 1_000
const startsTransaction = /(?:^|;)\s*start\s+transaction\b/i

/**
 * One physical connection: a `postgres()` of its own that never has another. In a pool of postgres.js queries of
 * several requests share a connection at the same time, and cancelling or ending one would hit the others.
 */
export class PostgresConnection implements PoolConnection<PostgresConnection> {
  readonly #name: string
  readonly #owner: Owner
  readonly #sockets: Sockets
  readonly #sql: postgres.Sql
  readonly #primitives: QueryPrimitives
  readonly #session: SessionState
  readonly #expires: number
  readonly #idleness = new Idleness()
  readonly #running: RunningQueries
  readonly #ended = Promise.withResolvers<void>()
  #state: 'idle' | 'lent' | 'ending' | 'lost' = 'lent'
  #transaction: Transaction | undefined
  #leftTransaction = false
  #audience: Audience | undefined

  constructor(settings: ConnectionSettings, login: object, owner: Owner) {
    const { name, driver, options, hosts, maxLifetime, traces } = settings
    this.#name = name
    this.#owner = owner
    this.#session = new SessionState(traces)
    this.#expires = performance.now() + jittered(maxLifetime)
    this.#sockets = new Sockets(options, hosts.inOrder)
    this.#sql = driver({
      ...options,
      // Those of rows and values come when it has been asked what is not the requests'.
      transform: { ...options.transform, row: {}, value: {} },
      ...login,
      host: this.#sockets.hosts,
      socket: this.#sockets.open,
      // One, in a way that postgres.js does not take for its `max: 1`, with which it lets BEGIN through.
      max: '1' as unknown as number,
      parameters: {},
      onclose: () => this.#lose(),
      onparameter: (parameter: string, value: string) => this.#session.settings.note(parameter, value),
      onnotify: (channel: string, payload: string) => this.#audience?.notify(channel, payload),
    } as object)
    this.#primitives = primitivesOf(this.#sql)
    this.#running = new RunningQueries(this.#primitives.cancel, Boolean(this.#sql.options.ssl))
  }

  /** Connects, and learns of array types. */
  async connect({ options, arrayTypes }: ConnectionSettings): Promise<void> {
    const seconds = options.connect_timeout * options.host.length
    const answered = this.#sql.unsafe('').then(() => arrayTypes.learn(this.#sql))
    if (!(await doneWithin(seconds * 1_000, answered))) throw noAnswer(seconds)
    if (this.#isGone) throw lost('CONNECTION_CLOSED', 'lost before it could be used')
    const { row, value } = options.transform
    Object.assign(this.#sql.options.transform, { row, value })
    this.#sockets.ready()
    this.#session.settings.begin()
  }

  get state(): ConnectionState {
    if (this.#isGone) return 'broken'
    if (this.#running.any || this.#transaction?.isEnding) return 'busy'
    if (this.#transaction !== undefined || this.#leftTransaction) return 'transaction'
    return this.#session.value
  }

  /** By `performance.now()`. */
  get idleSince(): number {
    return this.#idleness.since
  }

  get isExpired(): boolean {
    return performance.now() > this.#expires
  }

  /** Resolves when its socket is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Runs a query; calls `done` when it has left the connection. */
  run(query: Query, done?: () => void): void {
    this.follow(query, done)
    this.#primitives.send(query)
  }

  /** Counts a query as running here until it has ended. */
  follow(query: Query, done?: () => void): void {
    this.#running.follow(query, (error) => {
      this.#note(query.string ?? '', error)
      if (isOutOfStep(query, error)) this.destroy()
      // Whoever awaits it is told all the same.
      if (this.#isGone) silence(query)
      else if (error !== undefined && hasColumns(query)) this.#forgetRows()
      done?.()
    })
  }

  /** What ends a cursor. */
  get close(): unknown {
    return this.#sql.CLOSE
  }

  /** A query of the driver's own making. */
  async ask(text: string): Promise<postgres.RowList<postgres.Row[]>> {
    try {
      return await this.#sql.unsafe(text)
    } catch (error) {
      this.#breakOn(error)
      throw error
    }
  }

  /** Has somebody hear of notifications, or nobody any more; what was listened to goes with the next reset. */
  listen(audience: Audience | undefined): void {
    this.#audience = audience
    this.#session.leave('resettable')
  }

  /** Why nothing can be sent any more. */
  get loss(): Error | undefined {
    if (!this.#isGone) return undefined
    const message = `${this.#name}: the connection of this transaction is lost, and the transaction with it.`
    return Object.assign(new Error(message), { code: 'CONNECTION_CLOSED' })
  }

  /** Runs a transaction of postgres.js. */
  async begin<R>(
    options: string,
    work: (sql: postgres.TransactionSql, transaction: Transaction) => R,
  ): Promise<unknown> {
    const transaction = new Transaction(() => this.#isGone)
    this.#transaction = transaction
    try {
      return await transaction.run(this.#sql, options, work)
    } catch (error) {
      // Its callback may have failed of another service, and those of its queries have been looked at.
      if (!transaction.threw(error)) this.#breakOn(error)
      throw error
    } finally {
      this.#transaction = undefined
      transaction.revoke(() => endedError(this.#name, 'a query of an ended transaction', undefined))
    }
  }

  lend(): PostgresConnection {
    if (this.#state === 'idle') this.#state = 'lent'
    return this
  }

  revoke(ending: Ending | undefined): void {
    this.#running.silence()
    this.#transaction?.revoke(() => endedError(this.#name, 'a transaction', ending))
  }

  /** A transaction whose last query has ended goes on to its COMMIT in the same turn. */
  async settled(): Promise<void> {
    while (this.state === 'busy') {
      await this.#running.settled()
      if (this.#transaction?.isEnding) await this.#transaction.ended()
      await nextTurn()
    }
  }

  /** What only a COMMIT or ROLLBACK is left of has time to end by itself. */
  cancel(): Promise<void> {
    return this.#transaction?.isEnding ? this.#transaction.ended() : this.#running.cancelAll()
  }

  /** What `query.cancel()` of a request comes to. */
  async cancelForUser(query: Query): Promise<void> {
    try {
      await this.#running.cancel(query)
    } catch {
      this.destroy()
    }
  }

  async rollback(): Promise<void> {
    if (this.#transaction !== undefined) return this.#transaction.abandon()
    await this.ask('ROLLBACK')
    this.#leftTransaction = false
  }

  async reset(): Promise<void> {
    await this.ask(resetSession)
    this.#session.wasReset()
  }

  checkIn(fate: 'keep' | 'destroy'): void {
    if (this.#state === 'lent') this.#state = 'idle'
    this.#idleness.begin(performance.now())
    this.#owner.take(this, fate)
  }

  /** Calls back when it is known whether it is lost. */
  hear(callback: () => void): void {
    this.#idleness.hear(callback)
  }

  /** Ends it, if it has come back; or when it does: postgres.js, once told to end, can't be told to break off any more. */
  end(): Promise<void> {
    if (this.state === 'busy' || this.state === 'transaction') return this.ended
    this.#sql.end().catch(() => {})
    if (this.#state === 'idle') this.#endSoon()
    return this.ended
  }

  /** Breaks it off. */
  destroy(): void {
    if (this.#isGone) return
    this.#sockets.openNoMore()
    this.#running.giveUp()
    this.#sql.end({ timeout: 0 }).catch(() => {})
    this.#endSoon()
  }

  /** A socket whose other end is gone never says so. */
  #endSoon(): void {
    this.#state = 'ending'
    void doneWithin(endBound, this.ended).then((inTime) => inTime || this.#lose())
  }

  get #isGone(): boolean {
    return this.#state === 'ending' || this.#state === 'lost'
  }

  /** For postgres.js it is still open: it would never answer the next query, or open another one for that. */
  #breakOn(error: unknown): void {
    if (isLoss(error)) this.destroy()
  }

  /**
   * postgres.js counts the rows of a query that fails as those of the next one, whose own would come behind as many
   * holes. A query that ends well sets it right, as the ROLLBACK of a transaction does.
   */
  #forgetRows(): void {
    if (this.#transaction !== undefined || this.#leftTransaction) return
    const query = this.#sql.unsafe('SELECT WHERE false') as unknown as Query
    silence(query)
    this.#running.follow(query, (error) => {
      if (error !== undefined) this.destroy()
    })
    this.#primitives.send(query)
  }

  #note(text: string, error: unknown): void {
    if (error !== undefined) this.#breakOn(error)
    // Either leaves a transaction open on the server.
    if ((error as { code?: unknown } | undefined)?.code === 'UNSAFE_TRANSACTION') this.#leftTransaction = true
    else if (this.#transaction === undefined && startsTransaction.test(text)) this.#leftTransaction = true
    this.#session.note(text)
  }

  #lose(): void {
    if (this.#state === 'lost') return
    const idle = this.#state === 'idle'
    this.#state = 'lost'
    this.#sockets.destroy()
    this.#ended.resolve()
    this.#running.giveUp()
    // Only so does postgres.js fail what was sent between the error of the socket and its close, and not connect again.
    this.#sql.end({ timeout: 0 }).catch(() => {})
    this.#owner.lost(this, idle)
    this.#audience?.lost()
  }
}
