import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
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
