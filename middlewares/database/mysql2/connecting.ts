import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { ConnectionState } from '../pool/driver.ts'
import { noAnswer } from '../pool/system-errors.ts'
import type { CoreConnection } from './internals.ts'

/** There are no credentials to connect with. mysql2 writes on its errors, and the cause is somebody else's. */
export class CredentialsUnavailable extends Error {
  constructor(cause: unknown) {
    super((cause as Partial<Error> | undefined)?.message ?? String(cause), { cause })
  }
}

/** What a connection has failed with. */
export const connectFailureOf = (error: unknown): unknown =>
  error instanceof CredentialsUnavailable ? error.cause : error

/** Why a connection can't be lent that has only just been opened. */
export const unusable = (state: ConnectionState, connectTimeout: number): Error => {
  switch (state) {
    case 'busy':
      return failed(`what runs on the new connection has not ended within ${connectTimeout} ms`, 'OPENED_BUSY')
    case 'transaction':
      return failed('a transaction is open on the new connection', 'OPENED_IN_TRANSACTION')
    default:
      return failed('the new connection was lost', 'OPENED_LOST')
  }
}

const failed = (message: string, code: string): Error => Object.assign(new Error(message), { code })

/** Connects the socket that mysql2 has been given, and breaks off what takes too long. */
export const connectSocket = (socket: Socket, core: CoreConnection, connectTimeout: number): void => {
  const { socketPath, host, port, enableKeepAlive, keepAliveInitialDelay = 0 } = core.config
  const timer = setTimeout(() => socket.destroy(noAnswer(connectTimeout)), connectTimeout)
  const done = (): void => clearTimeout(timer)
  core.once('connect', done)
  socket.once('close', done)
  try {
    if (socketPath) socket.connect(socketPath)
    else
      socket
        .setNoDelay()
        .setKeepAlive(enableKeepAlive !== false, keepAliveInitialDelay)
        .connect(port, host)
  } catch (error) {
    // A port that is none.
    socket.destroy(error as Error)
  }
}
