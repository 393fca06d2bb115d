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

/** Whether the connection is lost that was to end a query. */
const isLoss = (error: unknown): boolean => {
  const { fatal, code } = error as { fatal?: boolean; code?: string }
  return fatal === true || code === 'ER_CONNECTION_KILLED'
}

const ignore = (): void => {}

/** Later cancellations join a connection that hangs. A round trip has no longer either, and mysql2 would wait ten times as long. */
const controlConnectTimeout = 1_000

/** Ends queries by `KILL QUERY`, over one connection for all that are asked for at the same time. */
export class QueryKiller {
  readonly #settings: KillSettings
  readonly #lines = new Map<string, Line>()

  constructor(settings: KillSettings) {
    this.#settings = settings
  }

  /** Resolves when the server has been told. */
  async kill(target: CoreConnection, place: string | undefined): Promise<void> {
    try {
      await this.#kill(target, place)
    } catch (error) {
      if (!this.#mayPass(error)) throw error
      await this.#kill(target, place)
    }
  }

  /** Whether another attempt may do better, over another connection. */
  #mayPass(error: unknown): boolean {
    return isAuthenticationFailure(error) ? (this.#settings.credentials?.canChange ?? false) : isLoss(error)
  }

  async #kill(target: CoreConnection, place: string | undefined): Promise<void> {
    const { remoteAddress, remotePort } = target.stream
    const key = `${target.config.user}@${remoteAddress}:${remotePort}`
    const line = this.#lines.get(key) ?? this.#open(key, target)
    line.users += 1
    try {
      await this.#killOver(await line.control, target, place)
    } catch (error) {
      if (isLoss(error)) this.#drop(key, line)
      throw error
    } finally {
      line.users -= 1
      if (line.users === 0) {
        this.#drop(key, line)
        line.control.then(({ client }) => client.destroy(), ignore)
      }
    }
  }

  /** Nobody joins it any more. */
  #drop(key: string, line: Line): void {
    if (this.#lines.get(key) === line) this.#lines.delete(key)
  }

  async #killOver({ client, credential }: Control, target: CoreConnection, place: string | undefined): Promise<void> {
    try {
      await killOver(client, target, place)
    } catch (error) {
      if (credential !== undefined && isAuthenticationFailure(error)) this.#settings.credentials?.refuse(credential)
      throw error
    }
  }

  #open(key: string, target: CoreConnection): Line {
    const line = { control: this.#connect(target), users: 0 }
    this.#lines.set(key, line)
    return line
  }

  async #connect(target: CoreConnection): Promise<Control> {
    const { driver, config, credentials } = this.#settings
    const { socketPath, host, user, password } = target.config
    const credential = await credentials?.get()
    const { username = user, ...login } = credential === undefined ? { password } : loginOf(credential)
    // A user sees and ends the queries of no other, and the credentials may name another one by now.
    const isOwn = username === user
    const own = { user, password: isOwn ? login.password : password }
    const { remoteAddress, remotePort } = target.stream
    // The name may lead to another server by now, on which the same number is another connection's.
    const address = socketPath ? { path: socketPath } : { host: remoteAddress ?? host, port: remotePort ?? 3306 }
    return outsideRequests(() => {
      const control = driver.createConnection({
        ...config,
        ...own,
        connectTimeout: controlConnectTimeout,
        stream: () => openSocket(address),
      } as ConnectionOptions)
      // What it fails with its queries fail with.
      control.on('error', ignore)
      return { client: control.promise(), credential: isOwn ? credential : undefined }
    })
  }
}

/** Rows as they are asked for here, whatever form those of others have. */
export const plainRows = { rowsAsArray: true, nestTables: false, typeCast: true }

const processes = 'information_schema.processlist'

/**
 * Where the server sees a connection come from, which behind NAT is not where it does. Nothing if it does not know it
 * by the number it has here, as behind a proxy that shares its connections.
 */
export const placeOf = (target: CoreConnection): Promise<string | undefined> =>
  new Promise((resolve) => {
    const sql = `SELECT host FROM ${processes} WHERE id = CONNECTION_ID() AND id = ${target.threadId}`
    target.query({ sql, ...plainRows }, (error: unknown, rows: unknown) =>
      resolve(error ? undefined : (rows as [string][])[0]?.[0]),
    )
  })

/** Behind a proxy or a balancer the number may be another connection's, which comes from another place. */
const killOver = async (client: Connection, { threadId }: CoreConnection, place: string | undefined): Promise<void> => {
  const [rows] = await client.query<RowDataPacket[]>(`SELECT 1 FROM ${processes} WHERE id = ? AND host = ?`, [
    threadId,
    place ?? null,
  ])
  if (rows.length === 0) throw new Error(`The server does not know connection ${threadId} as ours.`)
  await client.query(`KILL QUERY ${threadId}`).catch((error: { code?: string }) => {
    if (error.code !== 'ER_NO_SUCH_THREAD') throw error
  })
}
