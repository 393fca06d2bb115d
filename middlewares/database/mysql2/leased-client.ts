import type mysql from 'mysql2/promise'
import type { LeasedConnection } from './leased-connection.ts'

/** A request's client. */
export type ClientClass = new (connection: LeasedConnection) => mysql.PoolConnection

/** What starts a promise's work. */
export type Executor = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void

/** What mysql2's class has of its own. */
interface Fields {
  connection: LeasedConnection
  Promise: unknown
}

type Methods = Record<string, (...parts: unknown[]) => unknown>

/** What mysql2's promises take past their connection. */
const synchronous = ['close', 'escape', 'escapeId', 'format', 'pause', 'resume', 'unprepare'] as const

/**
 * mysql2's own client with promises, on a connection that is leased. It is not made by its constructor, which makes a
 * table of listeners for each client, and two listeners that pass events on, as a {@link LeasedConnection} does by itself.
 */
export const clientClass = (driver: typeof mysql): ClientClass => {
  function Client(this: Fields, connection: LeasedConnection): void {
    this.connection = connection
    // No method is wrapped for it: mysql2 takes the stack of every query, where each call in between would cost.
    this.Promise = promiseOf.bind(undefined, connection)
  }
  const own: Methods = Object.create(driver.PoolConnection.prototype)
  for (const name of synchronous)
    own[name] = function (this: Fields, ...parts) {
      return (this.connection as unknown as Methods)[name]?.(...parts)
    }
  Client.prototype = own
  return Client as unknown as ClientClass
}

/** What mysql2 calls with `new`, as it would a class of promises. */
function promiseOf(connection: LeasedConnection, executor: Executor): Promise<unknown> {
  return connection.begin(executor)
}
