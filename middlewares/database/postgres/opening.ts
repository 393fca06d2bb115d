import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import type { Credential } from '../credentials.ts'
import { isAuthenticationFailure } from '../pg/diagnosis.ts'
import { type Owner, PostgresConnection } from './connection.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { lost } from './sockets.ts'

/** Opens a connection, with credentials asked for it, in nobody's async context: it goes on to other requests. */
export const openConnection = (settings: ConnectionSettings, owner: Owner): Promise<PostgresConnection> =>
  outsideRequests(async () => {
    const credential = await settings.credentials?.get()
    const [first] = settings.hosts.inOrder
    const connection = new PostgresConnection(settings, loginOf(credential), owner)
    try {
      await connection.connect(settings)
    } catch (error) {
      const isRefused = isAuthenticationFailure(error)
      if (!isRefused) settings.hosts.skip(first)
      else if (credential !== undefined) settings.credentials?.refuse(credential)
      connection.destroy()
      const { target_session_attrs: wanted } = settings.options
      // So postgres.js tells that it has left the last host.
      const isOther = wanted && (error as { code?: unknown }).code === 'CONNECTION_DESTROYED'
      throw isOther ? lost('CONNECTION_CLOSED', `no host that answers is ${wanted}`) : error
    }
    return connection
  })

const loginOf = (credential: Credential | undefined): object => {
  if (credential === undefined) return {}
  if (typeof credential === 'string') return { pass: credential }
  const { username, password } = credential
  return username === undefined ? { pass: password } : { user: username, pass: password }
}
