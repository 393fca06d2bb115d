import { DatabaseBusyError, DatabaseConnectError } from '../errors.ts'
import { diagnose as diagnoseServer } from '../pg/diagnosis.ts'
import type { ConnectProblem } from '../pool/driver.ts'

/** What postgres.js calls by names of its own. */
const systemCodes: Readonly<Record<string, string>> = {
  CONNECT_TIMEOUT: 'ETIMEDOUT',
  CONNECTION_CLOSED: 'ECONNRESET',
  CONNECTION_DESTROYED: 'ECONNRESET',
  CONNECTION_ENDED: 'ECONNRESET',
}

/** Those of postgres.js, and those of the system. */
const lossCode = /^(?:CONNECT|E[A-Z]+$)/

/** Whether a query has failed of the loss of its connection. */
export const isLoss = (error: unknown): boolean => {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return severity === 'FATAL' || (typeof code === 'string' && lossCode.test(code))
}

/** Whether something has failed for want of a connection, or of its loss: no mistake of whoever has not awaited it. */
export const isOfConnection = (error: unknown): boolean =>
  isLoss(error) || error instanceof DatabaseBusyError || error instanceof DatabaseConnectError

const noTls = /before secure TLS connection/
const hangsUp = /the server hangs up/

/** What a failed attempt to connect means, and what to do. */
export const diagnose = (error: unknown): ConnectProblem => {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (noTls.test(message))
    return {
      kind: 'permanent',
      remedy: 'The server hangs up on TLS: take ssl out of config, or switch it on on the server.',
    }
  if (hangsUp.test(message))
    return {
      kind: 'transient',
      remedy: 'It ends connections before it answers: look whether the server behind its proxy or load balancer is up.',
    }
  const systemCode = systemCodes[code]
  return diagnoseServer(systemCode === undefined ? error : { code: systemCode, message })
}
