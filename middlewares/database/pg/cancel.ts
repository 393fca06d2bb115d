import { clearTimeout, setTimeout } from 'node:timers'
import type pg from 'pg'
import { noAnswer } from '../pool/system-errors.ts'

/** What a CancelRequest needs to know of the connection whose query it ends. */
export interface CancelTarget {
  readonly host: string
  readonly port: number
  readonly processID: number
  readonly secretKey: number
  readonly ssl: object | boolean
  readonly sslnegotiation: string | undefined
  readonly stream: (() => unknown) | undefined
}

interface CancelConnection extends pg.Connection {
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}

/** Milliseconds. Who asks waits no longer either. */
const patience = 1_000

/**
 * Asks the server to end what a connection is running, over a connection of its own, with TLS if that one has it.
 * Resolves when the server has hung up, which it does after it has sent the signal.
 *
 * {@link https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS}
 */
export const sendCancelRequest = (driver: typeof pg, target: CancelTarget): Promise<void> =>
  new Promise((resolve, reject) => {
    const { host, port, ssl, sslnegotiation, stream } = target
    const options = { ssl, sslNegotiation: sslnegotiation, stream } as pg.ConnectionConfig
    const connection = new driver.Connection(options) as CancelConnection
    const timer = setTimeout(() => connection.stream.destroy(noAnswer(patience)), patience)
    const cancel = (): void => connection.cancel(target.processID, target.secretKey)
    connection.once('connect', () => {
      if (!ssl) cancel()
      else if (sslnegotiation !== 'direct') connection.requestSsl()
    })
    connection.once('sslconnect', cancel)
    connection.on('error', (error: Error & { code?: string }) => {
      connection.stream.destroy()
      reject(error)
    })
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}` as unknown as number, host)
    else connection.connect(port, host)
  })
