import type mysql from 'mysql2/promise'
import type { LeasedConnection } from './leased-connection.ts'

/** A request's client. */
export type ClientClass = new (connection: LeasedConnection) => mysql.PoolConnection

/** What starts a promise's work. */
export type Executor = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void

/** What mysql2's class has and does not declare. */
type PromiseClient = new (connection: LeasedConnection, promise: unknown) => mysql.PoolConnection

type Methods = Record<string, (...parts: unknown[]) => unknown>

/** What mysql2's promises take past their connection. */
const synchronous = ['close', 'escape', 'escapeId', 'format', 'pause', 'resume', 'unprepare'] as const

/** mysql2's own client with promises, on a connection that is leased. */
export const clientClass = (driver: typeof mysql): ClientClass => {
  const Base = driver.PoolConnection as unknown as PromiseClient
  class Client extends Base {
    constructor(connection: LeasedConnection) {
      // No method is wrapped for it: mysql2 takes the stack of every query, where each call in between would cost.
      super(connection, promiseOf.bind(undefined, connection))
    }
  }
  const own = methodsOf(Client)
  for (const name of synchronous)
    own[name] = function (this: Client, ...parts) {
      return (this.connection as unknown as Methods)[name]?.(...parts)
    }
  return Client
}

/** What mysql2 calls with `new`, as it would a class of promises. */
function promiseOf(connection: LeasedConnection, executor: Executor): Promise<unknown> {
  return connection.begin(executor)
}

const methodsOf = ({ prototype }: { prototype: unknown }): Methods => prototype as Methods
