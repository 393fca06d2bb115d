import type mysql from 'mysql2/promise'
import type { LeasedConnection } from './leased-connection.ts'

/** A request's client. */
export interface LeasedClient {
  /** What runs has no handler that would miss its failure. */
  silence(): void
}

export type ClientClass = new (connection: LeasedConnection) => LeasedClient

/** What mysql2's class has and does not declare. */
type PromiseClient = new (connection: LeasedConnection, promise: PromiseConstructor) => mysql.PoolConnection

type Method = (...parts: unknown[]) => unknown

type Methods = Record<string, Method>

const ignore = (): void => {}

const asynchronous = [
  'query',
  'execute',
  'beginTransaction',
  'commit',
  'rollback',
  'ping',
  'reset',
  'changeUser',
  'prepare',
] as const

/** What mysql2's promises take past their connection. */
const synchronous = ['close', 'escape', 'escapeId', 'format', 'pause', 'resume', 'unprepare'] as const

/** mysql2's own client with promises, on a connection that is leased. */
export const clientClass = (driver: typeof mysql): ClientClass => {
  const Base = driver.PoolConnection as unknown as PromiseClient
  class Client extends Base implements LeasedClient {
    readonly #connection: LeasedConnection
    #running: Promise<unknown>[] = []

    constructor(connection: LeasedConnection) {
      super(connection, Promise)
      this.#connection = connection
    }

    /** Begins what it is given, and remembers it for as long as it may run. */
    follow(begin: Method, parts: unknown[]): Promise<unknown> {
      const { isIdle, isRevoked } = this.#connection
      const begun = this.#begin(begin, parts)
      // Whoever goes on after the end of its request may not have thought of awaiting either.
      if (isRevoked) begun.catch(ignore)
      else if (isIdle) this.#running = [begun]
      else this.#running.push(begun)
      return begun
    }

    #begin(begin: Method, parts: unknown[]): Promise<unknown> {
      this.#connection.isAwaited = true
      try {
        return begin.apply(this, parts) as Promise<unknown>
      } finally {
        this.#connection.isAwaited = false
      }
    }

    silence(): void {
      for (const begun of this.#running) begun.catch(ignore)
    }
  }
  const inherited = methodsOf(Base)
  const own = methodsOf(Client)
  for (const name of asynchronous) {
    const begin = inherited[name] as Method
    own[name] = function (this: Client, ...parts) {
      return this.follow(begin, parts)
    }
  }
  for (const name of synchronous)
    own[name] = function (this: Client, ...parts) {
      return (this.connection as unknown as Methods)[name]?.(...parts)
    }
  return Client
}

const methodsOf = ({ prototype }: { prototype: unknown }): Methods => prototype as Methods
