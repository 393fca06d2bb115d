import { createSecureContext } from 'node:tls'
import type postgres from 'postgres'
import { loadDriver } from '../load-driver.ts'
import type { ConnectProblem, PoolConnection, PoolDriver } from '../pool/driver.ts'
import type { DriverSettings } from '../pool/pool-options.ts'
import { ArrayTypes } from './array-types.ts'
import type { PostgresConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { diagnose } from './diagnosis.ts'
import type { DriverOptions } from './driver-options.ts'
import { Hosts } from './hosts.ts'
import type { PostgresConfig } from './postgres-js.ts'

/** Speaks to postgres.js. */
export class PostgresDriver implements PoolDriver<Connections, PostgresConnection> {
  readonly name: string
  readonly #settings: DriverSettings<PostgresConfig>
  readonly #loading: Promise<typeof postgres>

  constructor(settings: DriverSettings<PostgresConfig>) {
    this.name = settings.name
    this.#settings = settings
    // At once, not at the first request, whose time it would take.
    this.#loading = loadDriver(settings.name, 'postgres', async () => (await import('postgres')).default)
    this.#loading.catch(() => {})
  }

  async open(): Promise<Connections> {
    const driver = await this.#loading
    const { config, connectTimeout, ...settings } = this.#settings
    const seconds = connectTimeout / 1_000
    const root = driver({
      ...config,
      max: 1,
      max_lifetime: null,
      connect_timeout: seconds,
      onclose: undefined,
    } as object)
    const options = root.options as DriverOptions
    const { idle_timeout, ssl } = options
    const idleTimeout = idle_timeout ? idle_timeout * 1_000 : Number.POSITIVE_INFINITY
    options.idle_timeout = undefined
    // Read here once, where an error in it is heard.
    if (ssl && typeof ssl === 'object') options.ssl = { secureContext: createSecureContext(ssl), ...ssl }
    const shared = { hosts: new Hosts(options), arrayTypes: new ArrayTypes(root) }
    return new Connections(root, { ...settings, ...shared, driver, options, idleTimeout })
  }

  checkOut(
    connections: Connections,
    done: (error: unknown, connection?: PoolConnection<PostgresConnection>) => void,
  ): void {
    connections.checkOut(done)
  }

  diagnose(error: unknown): ConnectProblem {
    return diagnose(error)
  }

  get credentialsCanChange(): boolean {
    return this.#settings.credentials?.canChange ?? false
  }

  maxConnections(connections: Connections): Promise<number> {
    return new Promise((resolve, reject) => {
      connections.checkOut((error, connection) => {
        if (connection === undefined) return reject(error)
        const asked = connection.ask('SHOW max_connections')
        const done = (): void => connection.checkIn('keep')
        asked.then(([row]) => resolve(Number(row?.['max_connections'])), reject).then(done)
      })
    })
  }

  close(connections: Connections, deadline: number): Promise<void> {
    return connections.close(deadline)
  }
}
