import type { ConnectProblem } from '../pool/driver.ts'
import { type Failure, failureOf, passingSystemCodes } from '../pool/system-errors.ts'
import { leftByPoolUser } from './readiness.ts'

const refused = new Set(['28P01', '28000'])

/** Whether the server refused the login. */
export const isAuthenticationFailure = (error: unknown): boolean => refused.has((error as Failure).code ?? '')

/** Whether what the server says is the end of a session. It says how bad that is in a language of its choice. */
export const endsSession = (message: unknown): boolean => {
  const { severity = '', code = '' } = message as { severity?: string; code?: string }
  return severity === 'FATAL' || severity === 'PANIC' || endings.has(code)
}

/** Of an administrator, a crash, and the timeouts of what is idle or takes too long. */
const endings = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04'])

const passing = new Set([...passingSystemCodes, '53300', '57P01', '57P02', '57P03'])

const passingMessage = /^(Connection terminated|timeout expired)/

const remedies: Readonly<Record<string, string>> = {
  ENOTFOUND: 'There is no such host: correct config.host.',
  ECONNREFUSED: 'Nothing listens there: correct config.host and config.port, or start the server.',
  ETIMEDOUT: 'Nothing answers: open the security group for the function, or correct config.host and config.port.',
  '28P01': 'The server refuses this user or password: correct credentials, or the secret they come from.',
  '28000': 'The server refuses this user from here: correct the user, its rights, or ssl (pg_hba.conf asks for it).',
  '3D000': 'Create the database, or correct config.database.',
  '42501': 'Grant the user the right to connect to the database.',
  '53300':
    'The server has too many connections: lower connections, raise its max_connections, or put a proxy in front of it.',
  '57P03': 'The server is starting or shutting down: send the request again later.',
}

const messageRemedies: readonly (readonly [RegExp, string])[] = [
  [/does not support SSL/, 'Take ssl out of config, or switch it on on the server.'],
  [
    /certificate|self-signed|altnames/i,
    'Give the certificate of its authority as config.ssl.ca (for RDS, the global bundle).',
  ],
  [/^timeout expired/, 'Nothing answers: open the security group for the function, or raise connectTimeout.'],
  [
    leftByPoolUser,
    'Have it end what it begins; what every session needs may stand in config.options, as "-c statement_timeout=30s".',
  ],
  [/must be a string|SASL/, 'Give a password, in credentials or config.password.'],
]

/** What a failed attempt to connect means, and what to do. */
export const diagnose = (error: unknown): ConnectProblem => {
  const { code = '', message = '' } = failureOf(error)
  const remedy =
    remedies[code] ?? messageRemedies.find(([pattern]) => pattern.test(message))?.[1] ?? 'See the cause for more.'
  if (refused.has(code)) return { kind: 'authentication', remedy }
  return { kind: passing.has(code) || passingMessage.test(message) ? 'transient' : 'permanent', remedy }
}
