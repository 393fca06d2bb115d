import { isIP, type Socket } from 'node:net'
import type pg from 'pg'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import type { Ending } from '../../../src/scope/scope.ts'
import { type Credential, loginOf } from '../credentials.ts'
import { DatabaseClosedError } from '../errors.ts'
import { type Borrower, type ConnectionState, notSentError, type PoolConnection } from '../pool/driver.ts'
import { Idleness } from '../pool/idleness.ts'
import { jittered } from '../pool/lifetime.ts'
import type { DriverSettings } from '../pool/pool-options.ts'
import { sendCancelRequest } from './cancel.ts'
import { endsSession, isAuthenticationFailure } from './diagnosis.ts'
import { LeasedClient } from './leased-client.ts'
import { RunningQueries, silence } from './running-queries.ts'
import { resetSession } from './session.ts'
import { SessionState } from './session-state.ts'

/** What every connection of one pool is opened with. */
export interface ConnectionSettings extends DriverSettings<pg.PoolConfig> {
  /** The connections that are open. */
  readonly open: Set<PgConnection>
  /** Called with one that comes back and can go on. */
  readonly keep: (connection: PgConnection) => void
  /** Called with one that is lost. */
  readonly lost: (connection: PgConnection, error: Error) => void
  /** Whether no more are to be opened. */
  readonly isEnding: () => boolean
}

/** One physical connection. */
export interface PgConnection extends pg.PoolClient, PoolConnection<pg.PoolClient> {
  readonly isExpired: boolean
  /** Whether nobody has given it back yet. */
  readonly isNew: boolean
  readonly isLost: boolean
  /** Calls back when it is known whether it is lost. */
  hear(callback: () => void): void
  /** Takes what listeners for a new one have made of its session for how all requests are to have it. */
  adopt(): void
  /** It has come back to the pool. */
  rest(): void
  /** Takes it out of use for good. */
  spoil(): void
  /** Breaks it off. */
  destroy(): void
}

type ConnectCallback = (error: Error | undefined, client?: unknown) => void

/** What node-postgres has and does not declare. */
interface Undeclared {
  readonly connectionParameters: { user: string; ssl: object | boolean; sslnegotiation?: string }
  readonly connectionTimeoutHandle: NodeJS.Timeout | undefined
  readonly secretKey: number
  readonly processID: number
  /** What has not been sent. */
  readonly _queryQueue?: unknown[]
  /** The same before 8.17; deprecated since. */
  readonly queryQueue: unknown[]
}

interface Query {
  handleError(error: Error, connection: unknown): void
}

/**
 * The class of a pool's connections. Everything that watches a connection is attached once in its life: a lease costs
 * none of it.
 */
export const connectionClass = (driver: typeof pg, settings: ConnectionSettings): (new () => PgConnection) => {
  const { name, config, credentials, connectTimeout, maxLifetime, traces, open, keep, lost, isEnding } = settings
  class Connection extends driver.Client {
    declare release: (destroy?: Error | boolean) => void
    #activity: 'connecting' | 'idle' | 'busy' | 'broken' = 'connecting'
    #status = 'I'
    readonly #session = new SessionState(traces)
    #expires = Number.POSITIVE_INFINITY
    #borrower: LeasedClient | undefined
    #isNew = true
    readonly #running = new RunningQueries()
    #idle: PromiseWithResolvers<void> | undefined
    readonly #idleness = new Idleness()

    constructor() {
      super({ ...config, connectionTimeoutMillis: connectTimeout })
      this.connection.on('readyForQuery', (message: { status: string }) => {
        this.#status = message.status
        if (this.#activity !== 'connecting') return
        this.#activity = 'idle'
        this.#session.settings.begin()
        this.#expires = performance.now() + jittered(maxLifetime)
      })
      this.connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
        this.#session.settings.note(message.parameterName, message.parameterValue)
      })
      // It fails what is running, and the end of the connection comes later.
      this.connection.on('errorMessage', (message: unknown) => {
        if (endsSession(message)) this.#running.silence()
      })
      this.connection.on('end', () => this.#break())
      this.on('drain', () => {
        this.#running.clear()
        if (this.#activity === 'busy') this.#activity = 'idle'
        this.#idle?.resolve()
        this.#borrower?.pass('drain')
      })
      // Without a listener an error of a connection that is lent would end the worker with all its requests.
      this.on('error', (error) => {
        this.#break()
        lost(this as unknown as PgConnection, error)
        this.#borrower?.pass('error', error)
      })
      this.on('end', () => {
        open.delete(this as unknown as PgConnection)
        this.#borrower?.pass('end')
      })
      this.on('notice', (notice) => this.#borrower?.pass('notice', notice))
      this.on('notification', (notification) => this.#borrower?.pass('notification', notification))
    }

    override connect(callback?: unknown): Promise<never> {
      const connected = callback as ConnectCallback
      const start = (credential?: Credential): void => {
        open.add(this as unknown as PgConnection)
        if (credential !== undefined) this.#use(credential)
        const done = (error: Error | undefined): void => {
          if (error && credential !== undefined && isAuthenticationFailure(error)) credentials?.refuse(credential)
          connected(error, this)
        }
        try {
          outsideRequests(() => super.connect(done))
        } catch (error) {
          // A port that is none; node-postgres would still tell of its timeout, and nobody listens.
          clearTimeout((this as unknown as Undeclared).connectionTimeoutHandle)
          open.delete(this as unknown as PgConnection)
          connected(error as Error)
        }
      }
      const startInTime = (credential: Credential): void => {
        if (isEnding()) connected(new DatabaseClosedError(name))
        else start(credential)
      }
      if (credentials === undefined) start()
      else credentials.get().then(startInTime, connected)
      return undefined as unknown as Promise<never>
    }

    override query(query: unknown, values?: unknown, callback?: unknown): never {
      const result = super.query(query as string, values as [], callback as () => void)
      if (this.#activity === 'broken') silence(result)
      else {
        if (this.#activity === 'idle') this.#activity = 'busy'
        // The one that is being answered, and those behind it.
        this.#running.add(result, 1 + this.#unsent.length)
      }
      this.#session.note(typeof query === 'string' ? query : (query as { text?: unknown }).text)
      return result as never
    }

    get state(): ConnectionState {
      switch (this.#activity) {
        case 'idle':
          return this.#status === 'I' ? this.#session.value : 'transaction'
        case 'busy':
          return 'busy'
        case 'connecting':
        case 'broken':
          return 'broken'
        default:
          return this.#activity satisfies never
      }
    }

    get isExpired(): boolean {
      return performance.now() > this.#expires
    }

    get isNew(): boolean {
      return this.#isNew
    }

    get isLost(): boolean {
      return this.#activity === 'broken'
    }

    lend(request: Borrower): pg.PoolClient {
      const borrower = new LeasedClient(name, this as unknown as PgConnection, request)
      this.#borrower = borrower
      return borrower as unknown as pg.PoolClient
    }

    revoke(ending: Ending | undefined): void {
      if (this.#activity === 'busy') this.#running.silence()
      this.#borrower?.revoke(ending)
      this.#borrower = undefined
    }

    settled(): Promise<void> {
      if (this.#activity !== 'busy') return Promise.resolve()
      this.#idle = Promise.withResolvers()
      return this.#idle.promise
    }

    /** What has not been sent never is: outside a transaction it would be carried out behind the cancelled query. */
    cancel(): Promise<void> {
      this.#running.silence()
      this.#dropUnsent()
      const { connectionParameters, processID, secretKey } = this as unknown as Undeclared
      const { ssl, sslnegotiation } = connectionParameters
      // The name may lead to another server by now.
      const address = (this.connection.stream as Socket).remoteAddress ?? this.host
      const name = isIP(this.host) === 0 ? { servername: this.host } : {}
      const verified = ssl && { ...name, ...(ssl === true ? {} : ssl) }
      const { stream } = config
      return sendCancelRequest(driver, {
        host: address,
        port: this.port,
        processID,
        secretKey,
        ssl: verified,
        sslnegotiation,
        stream,
      })
    }

    rollback(): Promise<unknown> {
      return this.query('ROLLBACK')
    }

    async reset(): Promise<void> {
      await (this.query(resetSession) as Promise<unknown>)
      this.#session.wasReset()
    }

    checkIn(fate: 'keep' | 'destroy'): void {
      this.#isNew = false
      this.#idleness.begin(performance.now())
      if (fate === 'destroy') {
        this.release(true)
        this.destroy()
      } else if (this.isExpired) this.release(true)
      else keep(this as unknown as PgConnection)
    }

    hear(callback: () => void): void {
      this.#idleness.hear(callback)
    }

    adopt(): void {
      this.#session.adopt()
    }

    rest(): void {
      if (!this.#isNew) return
      this.#isNew = false
      this.#idleness.begin(performance.now())
    }

    spoil(): void {
      this.#session.leave('lasting')
    }

    destroy(): void {
      this.connection.stream.destroy()
    }

    get #unsent(): unknown[] {
      const { _queryQueue, queryQueue } = this as unknown as Undeclared
      return _queryQueue ?? queryQueue
    }

    #dropUnsent(): void {
      const queue = this.#unsent
      const error = notSentError(name, '57014')
      // A cursor that was never sent can't be told.
      const isQuery = (queued: unknown): boolean => queued instanceof driver.Query
      for (const query of queue.filter(isQuery) as Query[])
        process.nextTick(() => query.handleError(error, this.connection))
      queue.splice(0, Number.POSITIVE_INFINITY, ...queue.filter((queued) => !isQuery(queued)))
    }

    #use(credential: Credential): void {
      const { username, password } = loginOf(credential)
      this.password = password
      if (username === undefined) return
      this.user = username
      const { connectionParameters } = this as unknown as Undeclared
      connectionParameters.user = username
    }

    #break(): void {
      this.#activity = 'broken'
      this.#running.silence()
      this.#idle?.resolve()
    }
  }
  return Connection as unknown as new () => PgConnection
}
