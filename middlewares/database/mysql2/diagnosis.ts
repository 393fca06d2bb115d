import type { ConnectProblem } from '../pool/driver.ts'
import { type Failure, failureOf, passingSystemCodes } from '../pool/system-errors.ts'

const refused = new Set(['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR'])

/** Whether the server refused the login. */
export const isAuthenticationFailure = (error: unknown): boolean => refused.has((error as Failure).code ?? '')

const passing = new Set([
  ...passingSystemCodes,
  'PROTOCOL_CONNECTION_LOST',
  'OPENED_BUSY',
  'OPENED_LOST',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_USER_LIMIT_REACHED',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_CONNECTION_KILLED',
])

const tooMany =
  'The server has too many connections: lower connections, raise its max_connections, or put a proxy in front of it.'
const certificate = 'Give the certificate of its authority as config.ssl.ca (for RDS, ssl: the name "Amazon RDS").'

const listener = 'a listener of the event "connection" of db.pool'

const remedies: Readonly<Record<string, string>> = {
  ENOTFOUND: 'There is no such host: correct config.host.',
  ERR_SOCKET_BAD_PORT: 'Correct config.port.',
  ECONNREFUSED: 'Nothing listens there: correct config.host and config.port, or start the server.',
  ETIMEDOUT:
    'Nothing answers: open the security group for the function, correct config.host and config.port, or raise connectTimeout.',
  PROTOCOL_CONNECTION_LOST: 'The server hung up: see its log, and whether it is starting or shutting down.',
  OPENED_BUSY: `The server does not answer, or ${listener} runs something long on it: end that, or raise connectTimeout.`,
  OPENED_LOST: `The server hung up, or ${listener} did: see the log of the server, and what the listener does.`,
  OPENED_IN_TRANSACTION: `Have it end: ${listener} leaves it open, or init_connect of the server does.`,
  ER_ACCESS_DENIED_ERROR: 'The server refuses this login: correct credentials, or the secret they come from.',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'The server refuses this login: give a password, in credentials or config.',
  ER_DBACCESS_DENIED_ERROR: 'Grant the user the right to use the database, or correct config.database.',
  ER_BAD_DB_ERROR: 'Create the database, or correct config.database.',
  ER_CON_COUNT_ERROR: tooMany,
  ER_TOO_MANY_USER_CONNECTIONS: tooMany,
  ER_USER_LIMIT_REACHED: tooMany,
  ER_HOST_IS_BLOCKED: 'The server blocks this host after too many errors: FLUSH HOSTS on the server.',
  ER_HOST_NOT_PRIVILEGED: 'The server accepts nobody from this host: grant the user the right to connect from it.',
  ER_SECURE_TRANSPORT_REQUIRED: 'The server wants TLS: give config.ssl.',
  HANDSHAKE_NO_SSL_SUPPORT: 'Take ssl out of config, or switch it on on the server.',
  HANDSHAKE_SSL_ERROR: 'The server and config.ssl find no TLS that both speak: see the cause for more.',
  MYSQL_CLEAR_PASSWORD_NOT_ENABLED:
    'The server wants the password itself, as for IAM, which goes over TLS with a checked certificate only: give config.ssl.',
}

/** What mysql2 calls `HANDSHAKE_SSL_ERROR` while TLS begins, and is none. */
const lostInTls: readonly (readonly [RegExp, string])[] = [
  [/^no answer within/, 'ETIMEDOUT'],
  [/^Client network socket disconnected|ECONNRESET|EPIPE/, 'PROTOCOL_CONNECTION_LOST'],
]

const codeOf = ({ code = '', message = '' }: Failure): string =>
  code === 'HANDSHAKE_SSL_ERROR' ? (lostInTls.find(([pattern]) => pattern.test(message))?.[1] ?? code) : code

/** What a failed attempt to connect means, and what to do. */
export const diagnose = (error: unknown): ConnectProblem => {
  const failure = failureOf(error)
  const { message = '' } = failure
  const code = codeOf(failure)
  const isOfCertificate = /certificate|self.signed|altnames/i.test(message)
  const remedy = isOfCertificate ? certificate : (remedies[code] ?? 'See the cause for more.')
  if (refused.has(code)) return { kind: 'authentication', remedy }
  return { kind: passing.has(code) ? 'transient' : 'permanent', remedy }
}
