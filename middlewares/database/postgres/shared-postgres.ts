import type postgres from 'postgres'
import type { CloseOptions, Database, DescribeOptions, Lease, LeaseRequest } from '../../../src/database-adapter.ts'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import type { PostgresConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { Listening } from './listening.ts'
import { RequestSql, type WorkerConnections } from './request-sql.ts'

/** What is asked for by nobody in particular. */
const nobody: LeaseRequest = {
  signal: new AbortController().signal,
  deadline: Number.POSITIVE_INFINITY,
  giveBack: async () => {},
}

/** One worker's connections of postgres.js, which every request has a handle of its own on. */
export class SharedPostgres<M> implements Database<M, postgres.Sql> {
  readonly name: string
  readonly #map: (sql: postgres.Sql) => M
  readonly #worker: WorkerConnections
  #sql: Promise<postgres.Sql> | undefined

  constructor(pool: Database<PostgresConnection, Connections>, map: (sql: postgres.Sql) => M) {
    this.name = pool.name
    this.#map = map
    const listening = new Listening(
      pool.name,
      () => outsideRequests(() => this.#lendForListening()),
      (error) => this.#report(error),
    )
    this.#worker = { name: pool.name, pool, listening }
  }

  get pool(): Promise<postgres.Sql> {
    this.#sql ??= this.#worker.pool.pool.then(({ root }) => new RequestSql(this.#worker, root, nobody).sql)
    this.#sql.catch(() => {
      this.#sql = undefined
    })
    return this.#sql
  }

  async acquire(request: LeaseRequest): Promise<Lease<M>> {
    const { root } = await this.#worker.pool.pool
    request.signal.throwIfAborted()
    const handle = new RequestSql(this.#worker, root, request)
    try {
      return { client: this.#map(handle.sql), end: (ending) => handle.end(ending) }
    } catch (error) {
      void handle.end(undefined)
      throw error
    }
  }

  describe(options?: DescribeOptions): Promise<string> {
    return this.#worker.pool.describe(options)
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#worker.pool.close(options)
  }

  async #lendForListening(): Promise<Lease<PostgresConnection>> {
    if ((await this.#worker.pool.pool).canListen) return this.#worker.pool.acquire(nobody)
    throw new TypeError(
      `${this.name}: sql.listen() needs a connection for itself, and a worker has one. Raise connections to two for each worker.`,
    )
  }

  async #report(error: unknown): Promise<void> {
    const connections = await this.#worker.pool.pool.catch(() => undefined)
    connections?.report(error as Error)
  }
}
