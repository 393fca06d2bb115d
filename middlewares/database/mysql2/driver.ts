import { Socket } from 'node:net'
import type { ConnectionOptions, PoolOptions, SslOptions } from 'mysql2'
import type mysql from 'mysql2/promise'
import { loadDriver } from '../load-driver.ts'
import { doneWithin } from '../pool/bounded.ts'
import { closeConnections } from '../pool/closing.ts'
import type { ConnectProblem, PoolConnection, PoolDriver } from '../pool/driver.ts'
import type { DriverSettings } from '../pool/pool-options.ts'
import { connectFailureOf, unusable } from './connecting.ts'
import { type ConnectionSettings, MysqlConnection } from './connection.ts'
import { diagnose } from './diagnosis.ts'
import type { CoreConfig, CoreConnection, CorePool } from './internals.ts'
import { QueryKiller } from './kill.ts'
import { clientClass } from './leased-client.ts'

interface Driver {
  readonly core: typeof import('mysql2')
  readonly promise: typeof mysql
}

const load = async (): Promise<Driver> => ({
  core: (await import('mysql2')).default,
  promise: (await import('mysql2/promise')).default,
})

type CheckedOut = (error: unknown, connection?: PoolConnection<mysql.PoolConnection>) => void

/** Speaks to mysql2. */
export class MysqlDriver implements PoolDriver<mysql.Pool, mysql.PoolConnection> {
  readonly name: string
  readonly #settings: DriverSettings<PoolOptions>
  readonly #open = new Set<MysqlConnection>()
  readonly #connections = new WeakMap<CoreConnection, MysqlConnection>()
  readonly #loading: Promise<Driver>
  /** The new one that mysql2 is just giving to whoever has it opened. */
  #opened: unknown

  constructor(settings: DriverSettings<PoolOptions>) {
    this.name = settings.name
    this.#settings = settings
    // At once, not at the first request, whose time it would take.
    this.#loading = loadDriver(settings.name, 'mysql2', load)
    this.#loading.catch(() => {})
  }

  async open(): Promise<mysql.Pool> {
    const { share, credentials } = this.#settings
    const driver = await this.#loading
    const config = configOf(this.#settings)
    let settings: ConnectionSettings
    const pool = driver.core.createPool({
      ...config,
      connectionLimit: share,
      // The time of each attempt begins when its credentials are known.
      connectTimeout: 0,
      stream: ({ config }: { config: CoreConfig }) => this.#openSocket(config, settings),
    })
    pool.on('connection', (core) => {
      this.#opened = core
      queueMicrotask(() => {
        this.#opened = undefined
      })
    })
    pool.on('acquire', (core) => this.#of(core).take())
    pool.on('release', (core) => this.#of(core).rest())
    const { ssl = false, charsetNumber } = coreOf(pool).config.connectionConfig
    settings = {
      ...this.#settings,
      Client: clientClass(driver.promise),
      killer: new QueryKiller({ driver: driver.core, config: { ...config, ssl: ssl as SslOptions }, credentials }),
      names: namesOf({ ...driver.core.Charsets }, charsetNumber),
      open: this.#open,
    }
    return pool.promise()
  }

  checkOut(pool: mysql.Pool, done: CheckedOut): void {
    coreOf(pool.pool).getConnection((error, core) => {
      if (core === undefined) return done(connectFailureOf(error))
      const connection = this.#of(core)
      const isNew = core === this.#opened
      connection.hear(() => {
        if (this.#mayLend(connection, isNew)) done(undefined, connection)
        else void this.#mend(pool, connection, isNew, done)
      })
    })
  }

  mayPassOn(pool: mysql.Pool, connection: PoolConnection<mysql.PoolConnection>): boolean {
    return coreOf(pool.pool)._connectionQueue.length === 0 && !(connection as MysqlConnection).isDue
  }

  diagnose(error: unknown): ConnectProblem {
    return diagnose(error)
  }

  get credentialsCanChange(): boolean {
    return this.#settings.credentials?.canChange ?? false
  }

  async maxConnections(pool: mysql.Pool): Promise<number> {
    try {
      const [rows] = await pool.query<mysql.RowDataPacket[]>('SELECT @@max_connections AS max')
      return Number(rows[0]?.['max'])
    } catch (error) {
      throw connectFailureOf(error)
    }
  }

  async close(pool: mysql.Pool, deadline: number): Promise<void> {
    const ended = Promise.all(Array.from(this.#open, (connection) => connection.retire()))
    await closeConnections(this.#open, ended, deadline)
    coreOf(pool.pool).end(() => {})
  }

  /** What listeners have set on a new one is meant for its first request; others that had it of the pool mean nothing. */
  #mayLend({ state }: MysqlConnection, isNew: boolean): boolean {
    return state === 'clean' || (state === 'dirty' && (isNew || !this.#settings.traces))
  }

  async #mend(pool: mysql.Pool, connection: MysqlConnection, isNew: boolean, done: CheckedOut): Promise<void> {
    const { connectTimeout } = this.#settings
    if (connection.state === 'busy') await doneWithin(connectTimeout, connection.settled())
    if (connection.state === 'dirty' && !this.#mayLend(connection, isNew))
      await doneWithin(connectTimeout, connection.reset()).catch(() => {})
    if (this.#mayLend(connection, isNew)) return done(undefined, connection)
    const { state } = connection
    connection.checkIn('destroy')
    // Another new one would be no better.
    if (isNew) done(unusable(state, connectTimeout))
    else this.checkOut(pool, done)
  }

  #of(core: unknown): MysqlConnection {
    return this.#connections.get(core as CoreConnection) as MysqlConnection
  }

  /** Called by mysql2 as it makes a connection, which is there to be found when it has been made. */
  #openSocket(config: CoreConfig, settings: ConnectionSettings): Socket {
    const socket = new Socket()
    queueMicrotask(() => {
      const core = connectionOf(config)
      const connection = new MysqlConnection(core, socket, settings)
      this.#connections.set(core, connection)
      void connection.connect()
    })
    return socket
  }
}

const coreOf = (pool: unknown): CorePool => pool as CorePool

/** With what mysql2 is configured, of which it changes parts. */
const configOf = ({ config }: DriverSettings<PoolOptions>): ConnectionOptions => {
  const { ssl } = config
  const isChecked = Boolean(ssl) && (typeof ssl === 'string' || ssl?.rejectUnauthorized !== false)
  return {
    ...config,
    ...(typeof ssl === 'object' && { ssl: { ...ssl } }),
    // A password that goes over as it is, such as a token of IAM, goes to a server that is known.
    enableCleartextPlugin: config.enableCleartextPlugin ?? isChecked,
    gracefulEnd: true,
  }
}

/** The connection that has this configuration for its own: others may have been made since. */
const connectionOf = (config: CoreConfig): CoreConnection => {
  const { _allConnections: all } = config.pool
  let index = all.length - 1
  while (all.get(index).config !== config) index -= 1
  return all.get(index)
}

/** The statement that gives a session its character set and collation, which are one number on the wire. */
const namesOf = (charsets: Readonly<Record<string, number>>, charsetNumber: number): string => {
  const [collation = 'utf8mb4_unicode_ci'] = Object.keys(charsets).filter((name) => charsets[name] === charsetNumber)
  return `SET NAMES ${collation.split('_')[0]} COLLATE ${collation}`.toLowerCase()
}
