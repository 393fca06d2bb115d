import { AsyncLocalStorage } from 'node:async_hooks'
import type postgres from 'postgres'
import type { Database, Lease, LeaseRequest } from '../../../src/database-adapter.ts'
import type { Ending } from '../../../src/scope/scope.ts'
import { endedError } from '../pool/driver.ts'
import type { PostgresConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { isOfConnection } from './diagnosis.ts'
import type { Listening } from './listening.ts'
import { bindCallbacks, primitivesOf, type Query, refuse, silence } from './query.ts'
import { sqlOf } from './sql.ts'
import { type TransactionWork, transactionSql } from './transaction-sql.ts'

/** What all handles of one worker share. */
export interface WorkerConnections {
  readonly name: string
  readonly pool: Database<PostgresConnection, Connections>
  readonly listening: Listening
}

/** Where a query keeps the connection it was sent on. */
const connectionKey: unique symbol = Symbol('middy-managed-instances.connection')

type SentQuery = Query & { [connectionKey]?: PostgresConnection }

/** What one request does with the connections of its worker. Each query and each transaction has one while it runs. */
export class RequestSql {
  readonly sql: postgres.Sql
  readonly #worker: WorkerConnections
  readonly #root: postgres.Sql
  readonly #request: LeaseRequest
  /** What its connections call back, they call in nobody's. */
  readonly #inContext = AsyncLocalStorage.snapshot()
  readonly #leases = new Set<Lease<PostgresConnection>>()
  readonly #restoring = new Set<Promise<void>>()
  readonly #transactions = new Set<{ running: Promise<unknown> }>()
  #subscriptions: Set<() => Promise<void>> | undefined
  #ended: { readonly ending: Ending | undefined } | undefined

  constructor(worker: WorkerConnections, root: postgres.Sql, request: LeaseRequest) {
    this.#worker = worker
    this.#root = root
    this.#request = request
    this.sql = this.#makeSql()
  }

  /** Ends what the request has running, and lets nothing more in. */
  end(ending: Ending | undefined): Promise<void> | undefined {
    if (this.#ended !== undefined) return undefined
    this.#ended = { ending }
    for (const unlisten of this.#subscriptions ?? []) void unlisten()
    for (const { running } of this.#transactions) silence(running)
    for (const lease of this.#leases) this.#end(lease, ending)
    return this.#restoring.size === 0 ? undefined : Promise.all(this.#restoring).then(() => {})
  }

  #makeSql(): postgres.Sql {
    const root = this.#root
    const send = (query: Query): void => this.#send(query)
    send.debug = root.options.debug
    const cancel = (query: Query): Promise<void> | undefined => this.#cancel(query)
    const giveBack = (): Promise<void> => this.#request.giveBack()
    const unavailable = (use: string, remedy: string) => (): never => {
      throw new TypeError(`${this.#worker.name}: sql.${use}() is not for a request's handle. ${remedy}`)
    }
    return sqlOf(
      root,
      { send, cancel, close: root.CLOSE },
      {
        PostgresError: root.PostgresError,
        CLOSE: root.CLOSE,
        END: root.END,
        options: root.options,
        parameters: root.parameters,
        begin: (options: string | TransactionWork, work?: TransactionWork) =>
          typeof options === 'string' ? this.#begin(options, work) : this.#begin('', options),
        listen: (channel: string, listener: (payload: string) => void, onlisten?: () => void) =>
          this.#listen(channel, listener, onlisten),
        end: giveBack,
        close: giveBack,
        reserve: unavailable('reserve', 'What needs one connection for several queries goes into sql.begin().'),
        subscribe: unavailable('subscribe', 'A subscription outlives requests: make a postgres() of your own for it.'),
        largeObject: unavailable('largeObject', 'Call lo_open(), loread() and lowrite() of PostgreSQL in sql.begin().'),
      },
    ) as postgres.Sql
  }

  #send(query: SentQuery): void {
    bindCallbacks(query)
    this.#lease('a query').then(
      (lease) => {
        if (query.cancelled) return this.#end(lease, undefined)
        const connection = lease.client
        query[connectionKey] = connection
        connection.run(query, () => this.#inContext(() => this.#end(lease, undefined)))
      },
      (error) => refuse(query, error),
    )
  }

  #cancel(query: SentQuery): Promise<void> | undefined {
    const connection = query[connectionKey]
    // One that is waiting is only marked and fails: that needs no connection.
    return connection === undefined ? primitivesOf(this.#root).cancel(query) : connection.cancelForUser(query)
  }

  #begin(options: string, work: TransactionWork | undefined): Promise<unknown> {
    if (typeof work !== 'function')
      return Promise.reject(
        new TypeError(`${this.#worker.name}: sql.begin() expects a callback, received ${typeof work}.`),
      )
    const transaction = { running: Promise.resolve() as Promise<unknown> }
    transaction.running = this.#transact(options, work).then(
      (result) => {
        this.#transactions.delete(transaction)
        return result
      },
      (error) => {
        this.#transactions.delete(transaction)
        // Nobody may be left to hear of it, or nobody yet.
        if (this.#request.signal.aborted || isOfConnection(error)) silence(transaction.running)
        throw error
      },
    )
    if (this.#ended === undefined) this.#transactions.add(transaction)
    else silence(transaction.running)
    return transaction.running
  }

  async #transact(options: string, work: TransactionWork): Promise<unknown> {
    const lease = await this.#lease('a transaction')
    const connection = lease.client
    try {
      return await connection.begin(options, (sql, transaction) => work(transactionSql(connection, transaction, sql)))
    } finally {
      this.#end(lease, undefined)
    }
  }

  async #listen(channel: string, listener: (payload: string) => void, onlisten?: () => void): Promise<unknown> {
    this.#refuseIfEnded('listen()')
    const { state, unlisten } = await this.#worker.listening.listen(channel, listener)
    if (this.#ended !== undefined) void unlisten()
    this.#refuseIfEnded('listen()')
    this.#subscriptions ??= new Set()
    this.#subscriptions.add(unlisten)
    onlisten?.()
    return { state, unlisten }
  }

  async #lease(use: string): Promise<Lease<PostgresConnection>> {
    for (;;) {
      this.#refuseIfEnded(use)
      const lease = await this.#worker.pool.acquire(this.#request)
      if (this.#ended === undefined && lease.client.loss === undefined) {
        this.#leases.add(lease)
        return lease
      }
      // Lost since it was lent, or nobody waits for it any more. Nothing has been sent yet.
      this.#end(lease, undefined)
    }
  }

  #end(lease: Lease<PostgresConnection>, ending: Ending | undefined): void {
    this.#leases.delete(lease)
    const restoring = lease.end(ending)
    if (restoring === undefined) return
    this.#restoring.add(restoring)
    const restored = (): boolean => this.#restoring.delete(restoring)
    restoring.then(restored, restored)
  }

  #refuseIfEnded(use: string): void {
    if (this.#ended !== undefined) throw endedError(this.#worker.name, use, this.#ended.ending)
  }
}
