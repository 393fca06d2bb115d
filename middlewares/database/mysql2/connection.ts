import type { Socket } from 'node:net'
import type mysql from 'mysql2/promise'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import type { Ending } from '../../../src/scope/scope.ts'
import { type Credential, loginOf } from '../credentials.ts'
import { type Borrower, type ConnectionState, notSentError, type PoolConnection } from '../pool/driver.ts'
import { Idleness } from '../pool/idleness.ts'
import { jittered } from '../pool/lifetime.ts'
import type { DriverSettings } from '../pool/pool-options.ts'
import type { Trace } from '../pool/trace.ts'
import { CredentialsUnavailable, connectSocket } from './connecting.ts'
import { isAuthenticationFailure } from './diagnosis.ts'
import { type Command, type CoreConfig, type CoreConnection, isClosed, type Packet } from './internals.ts'
import { placeOf, type QueryKiller } from './kill.ts'
import type { ClientClass } from './leased-client.ts'
import { LeasedConnection } from './leased-connection.ts'
import { autocommit, endsSession, inTransaction, isOfReadOnly, sessionChanged, statusOf } from './server-status.ts'
import { traceOfQuery } from './session.ts'
import { resetSession, send } from './session-reset.ts'
import { failUnsent } from './unsent.ts'

/** What every connection of one pool is opened with. */
export interface ConnectionSettings extends DriverSettings<object> {
  readonly Client: ClientClass
  readonly killer: QueryKiller
  /** What `SET NAMES` takes, as the connections are configured. */
  readonly names: string
  /** The connections that are open. */
  readonly open: Set<MysqlConnection>
}

/**
 * One physical connection. Everything that watches it is attached once in its life: a lease costs none of it.
 */
export class MysqlConnection implements PoolConnection<mysql.PoolConnection> {
  readonly core: CoreConnection
  readonly closed: Promise<void>
  readonly #settings: ConnectionSettings
  readonly #socket: Socket
  #phase: 'connecting' | 'open' | 'ending' | 'broken' = 'connecting'
  #isOut = false
  #retires = false
  #status = autocommit
  /** Whether the status is that of now: an error hides it, a late cancellation may still change it. */
  #isKnown = true
  #trace: Trace = 'none'
  #expires = Number.POSITIVE_INFINITY
  #borrower: LeasedConnection | undefined
  #credential: Credential | undefined
  #settling: Promise<void> | undefined
  #placing: Promise<void> | undefined
  #place: string | undefined
  #sharedConfig: Readonly<CoreConfig> | undefined
  readonly #idleness = new Idleness()

  constructor(core: CoreConnection, socket: Socket, settings: ConnectionSettings) {
    this.core = core
    this.#socket = socket
    this.#settings = settings
    const handlePacket = core.handlePacket
    core.handlePacket = (packet) => {
      if (packet !== undefined) this.#observe(packet)
      handlePacket.call(core, packet)
    }
    const notifyError = core._notifyError
    core._notifyError = (error) => {
      // All that runs fails at once, of which the request may await or listen to but one.
      this.#borrower?.silence()
      notifyError.call(core, error)
    }
    // Before mysql2 tells whoever asked for it.
    core.prependOnceListener('connect', () => {
      this.#phase = 'open'
      this.#expires = performance.now() + jittered(settings.maxLifetime)
      this.#placing = placeOf(core).then((place) => {
        this.#place = place
      })
    })
    // Without a listener an error of a connection that is lent would end the worker with all its requests.
    core.prependListener('error', (error) => this.#fail(error))
    core.on('warn', (warning) => this.#borrower?.pass('warn', warning))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    settings.open.add(this)
    socket.once('close', () => {
      settings.open.delete(this)
      this.#break()
      this.#borrower?.pass('end')
      resolve()
    })
  }

  /** Connects, with what the credentials are now; that no request's context lives on with it. */
  async connect(): Promise<void> {
    const { credentials, connectTimeout } = this.#settings
    try {
      this.#credential = await credentials?.get()
    } catch (error) {
      this.#socket.destroy(new CredentialsUnavailable(error))
      return
    }
    if (this.#socket.destroyed) return
    if (this.#credential !== undefined) this.#logInWith(this.#credential)
    outsideRequests(() => connectSocket(this.#socket, this.core, connectTimeout))
  }

  /** Somebody has it. */
  take(): void {
    this.#isOut = true
    this.#socket.ref()
  }

  /** Nobody has it: it keeps no process alive. */
  rest(): void {
    this.#isOut = false
    this.#idleness.begin(performance.now())
    this.#socket.unref()
    if (this.#retires) this.#end()
  }

  /** Calls back when it is known whether it is lost. */
  hear(callback: () => void): void {
    this.#idleness.hear(callback)
  }

  /** Whether it is to end as soon as nobody has it. */
  get isDue(): boolean {
    return this.#retires || performance.now() > this.#expires
  }

  /** How it is configured, for those who may look, or open another one like it, and not change it. */
  get sharedConfig(): Readonly<CoreConfig> {
    this.#sharedConfig ??= this.#shareConfig()
    return this.#sharedConfig
  }

  /** Whether something runs on it, or may still: also on one that is being broken off. */
  get isBusy(): boolean {
    return Boolean(this.core._command) || !(this.#isKnown || this.isClosed)
  }

  /** How many commands it has to carry out: one or more for each query. */
  get commands(): number {
    return this.core._commands.length + 1
  }

  /** Whether it takes no more queries. */
  get isClosed(): boolean {
    return isClosed(this.core)
  }

  get state(): ConnectionState {
    if (this.#phase !== 'open') return 'broken'
    if (this.isBusy) return 'busy'
    // Somebody has ended the pool.
    if (this.isClosed) return 'broken'
    if ((this.#status & inTransaction) !== 0) return 'transaction'
    if (this.#trace === 'lasting') return 'broken'
    return this.#trace === 'none' ? 'clean' : 'dirty'
  }

  lend(borrower: Borrower): mysql.PoolConnection {
    this.#borrower = new LeasedConnection(this.#settings.name, this, borrower, this.#settings.Client)
    return this.#borrower.client
  }

  revoke(ending: Ending | undefined): void {
    this.#borrower?.revoke(ending)
    this.#borrower = undefined
  }

  /** A round trip behind everything that runs: it sees a cancellation through, and brings what the status is. */
  settled(): Promise<void> {
    this.#settling ??= this.#settle()
    return this.#settling
  }

  /** What has not been sent never is: on MySQL a COMMIT behind a cancelled query would be carried out. */
  async cancel(): Promise<void> {
    if (!this.core._command) return
    this.#borrower?.silence()
    failUnsent(this.core, notSentError(this.#settings.name, 'ER_QUERY_INTERRUPTED'))
    await this.#settings.killer.kill(this.core, this.#place)
    this.#isKnown = false
  }

  rollback(): Promise<void> {
    return send(this.core, 'ROLLBACK')
  }

  async reset(): Promise<void> {
    if (await resetSession(this.core, this.#settings.names)) this.#trace = 'none'
    else this.spoil()
  }

  checkIn(fate: 'keep' | 'destroy'): void {
    if (fate === 'destroy') this.destroy()
    else if (this.isDue) this.#end()
    else this.core.release()
  }

  query(method: 'query' | 'execute', query: unknown, values: unknown, callback: unknown): Command {
    this.note(query)
    return this.core[method](query, values, callback)
  }

  /** Notes what a query may leave in the session. */
  note(query: unknown): void {
    if (this.#settings.traces && this.#trace === 'none') this.#trace = traceOfQuery(query)
  }

  /** Takes it out of use for good. */
  spoil(): void {
    this.#trace = 'lasting'
  }

  /** Notes that more was changed than words tell. */
  change(): void {
    if (this.#trace === 'none') this.#trace = 'resettable'
  }

  /** Ends it when nobody has it, and resolves when it has ended. */
  retire(): Promise<void> {
    this.#retires = true
    if (this.#phase === 'connecting') this.destroy()
    else if (!this.#isOut) this.#end()
    return this.closed
  }

  /** Breaks it off, and fails what runs on it, which mysql2 would leave unanswered. */
  destroy(): void {
    if (this.#phase === 'open') this.#phase = 'ending'
    const error = new Error(`${this.#settings.name}: the connection was closed while something was running on it.`)
    this.#socket.destroy(Object.assign(error, { code: 'PROTOCOL_CONNECTION_LOST' }))
  }

  #shareConfig(): Readonly<CoreConfig> {
    const { config } = this.core
    const copy = Object.create(Object.getPrototypeOf(config), Object.getOwnPropertyDescriptors(config))
    const { connectTimeout } = this.#settings
    return Object.freeze(Object.assign(copy, { stream: undefined, pool: undefined, connectTimeout }))
  }

  async #settle(): Promise<void> {
    // All that a new one runs, which needs no other round trip.
    await this.#placing
    // On one that is closed mysql2 answers at once, without a round trip; it ends when what runs on it has.
    while (this.state === 'busy')
      await (this.isClosed ? this.closed : new Promise<void>((resolve) => this.core.ping(() => resolve())))
    this.#settling = undefined
  }

  #logInWith(credential: Credential): void {
    const { username, password } = loginOf(credential)
    const { config } = this.core
    config.password = password
    if (username !== undefined) config.user = username
  }

  #observe(packet: Packet): void {
    const command = this.core._command
    if (this.#phase !== 'open' || !command || this.core._paused) return
    const status = statusOf(packet, command)
    if (status === undefined) return
    this.#isKnown = status !== 'failed'
    if (status === 'failed') {
      // After a failover the same name leads to the server that can be written to, and this connection never does.
      if (isOfReadOnly(packet)) this.spoil()
      if (endsSession(packet)) this.#borrower?.silence()
      return
    }
    this.#status = status
    if (this.#settings.traces && (status & sessionChanged) !== 0) this.change()
  }

  #fail(error: Error): void {
    const { credentials, onError } = this.#settings
    const was = this.#phase
    this.#break()
    // A server that has refused it need not hang up.
    this.#socket.destroy()
    if (was === 'connecting' && this.#credential !== undefined && isAuthenticationFailure(error))
      credentials?.refuse(this.#credential)
    if (this.#borrower !== undefined) this.#borrower.lose(error)
    else if (was === 'open' && !this.#isOut) onError(error)
  }

  #break(): void {
    this.#phase = 'broken'
  }

  #end(): void {
    if (this.#phase === 'ending') return
    this.#phase = 'ending'
    this.core.end()
  }
}
