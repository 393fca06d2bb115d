import { connect as openSocket } from 'node:net'
import type { ConnectionOptions, RowDataPacket } from 'mysql2'
import type { Connection } from 'mysql2/promise'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import { type Credential, type CredentialStore, loginOf } from '../credentials.ts'
import { isAuthenticationFailure } from './diagnosis.ts'
import type { CoreConnection } from './internals.ts'

interface KillSettings {
  readonly driver: typeof import('mysql2')
  /** As the pool's connections are configured. */
  readonly config: ConnectionOptions
  readonly credentials: CredentialStore | undefined
}

/** A connection of its own, and what it was opened with. */
interface Control {
  readonly client: Connection
  readonly credential: Credential | undefined
}

/** What ends queries of one server, for as long as some are to be ended. */
interface Line {
  readonly control: Promise<Control>
  users: number
}

const ignore = (): void => {}

/** Ends queries by `KILL QUERY`, over one connection for all that are asked for at the same time. */
export class QueryKiller {
  readonly #settings: KillSettings
  readonly #lines = new Map<string, Line>()

  constructor(settings: KillSettings) {
    this.#settings = settings
  }

  /** Resolves when the server has been told, or has ended the connection itself. */
  async kill(target: CoreConnection): Promise<void> {
    try {
      await this.#kill(target)
    } catch (error) {
      if (!isAuthenticationFailure(error) || !this.#settings.credentials?.canChange) throw error
      await this.#kill(target)
    }
  }

  async #kill(target: CoreConnection): Promise<void> {
    const { remoteAddress, remotePort } = target.stream
    const place = `${remoteAddress}:${remotePort}`
    const line = this.#lines.get(place) ?? this.#open(place, target)
    line.users += 1
    try {
      await this.#killOver(await line.control, target)
    } finally {
      line.users -= 1
      if (line.users === 0) {
        this.#lines.delete(place)
        line.control.then(({ client }) => client.destroy(), ignore)
      }
    }
  }

  async #killOver({ client, credential }: Control, target: CoreConnection): Promise<void> {
    try {
      await killOver(client, target)
    } catch (error) {
      if (credential !== undefined && isAuthenticationFailure(error)) this.#settings.credentials?.refuse(credential)
      throw error
    }
  }

  #open(place: string, target: CoreConnection): Line {
    const line = { control: this.#connect(target), users: 0 }
    this.#lines.set(place, line)
    return line
  }

  async #connect(target: CoreConnection): Promise<Control> {
    const { driver, config, credentials } = this.#settings
    const credential = await credentials?.get()
    const { username, ...password } = credential === undefined ? {} : loginOf(credential)
    const login = { ...password, ...(username === undefined ? {} : { user: username }) }
    const { remoteAddress, remotePort } = target.stream
    const { socketPath, host } = target.config
    // The name may lead to another server by now, on which the same number is another connection's.
    const address = socketPath ? { path: socketPath } : { host: remoteAddress ?? host, port: remotePort ?? 3306 }
    return outsideRequests(() => {
      const control = driver.createConnection({ ...config, ...login, stream: () => openSocket(address) })
      // What it fails with its queries fail with.
      control.on('error', ignore)
      return { client: control.promise(), credential }
    })
  }
}

/** Behind a proxy or a balancer the number may be another connection's: the port tells them apart. */
const killOver = async (client: Connection, target: CoreConnection): Promise<void> => {
  const { threadId, stream } = target
  const [rows] = await client.query<RowDataPacket[]>('SELECT host FROM information_schema.processlist WHERE id = ?', [
    threadId,
  ])
  const found = rows[0]?.['host'] ?? rows[0]?.['HOST']
  if (found === undefined) return
  if (stream.localPort !== undefined && !String(found).endsWith(`:${stream.localPort}`))
    throw new Error(`The server knows connection ${threadId} as one of ${found}, which is not ours.`)
  await client.query(`KILL QUERY ${threadId}`).catch((error: { code?: string }) => {
    if (error.code !== 'ER_NO_SUCH_THREAD') throw error
  })
}
