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
    #running: Promise<unknown> | undefined
    #othersRunning: Promise<unknown>[] | undefined

    constructor(connection: LeasedConnection) {
      super(connection, Promise)
      this.#connection = connection
    }

    static {
      const inherited = methodsOf(Base)
      for (const name of asynchronous) {
        const begin = inherited[name] as (...parts: unknown[]) => Promise<unknown>
        // In one function, since mysql2 takes the stack of every query.
        methodsOf(Client)[name] = function (this: Client, ...parts) {
          const connection = this.#connection
          const { isIdle, isRevoked } = connection
          let begun: Promise<unknown>
          connection.isAwaited = true
          try {
            begun = begin.apply(this, parts)
          } finally {
            connection.isAwaited = false
          }
          // Whoever goes on after the end of its request may not have thought of awaiting either.
          if (isRevoked) begun.catch(ignore)
          else if (isIdle) {
            this.#running = begun
            this.#othersRunning = undefined
          } else {
            this.#othersRunning ??= []
            this.#othersRunning.push(begun)
          }
          return begun
        }
      }
    }

    silence(): void {
      this.#running?.catch(ignore)
      for (const begun of this.#othersRunning ?? []) begun.catch(ignore)
    }
  }
  const own = methodsOf(Client)
  for (const name of synchronous)
    own[name] = function (this: Client, ...parts) {
      return (this.connection as unknown as Methods)[name]?.(...parts)
    }
  return Client
}

const methodsOf = ({ prototype }: { prototype: unknown }): Methods => prototype as Methods
