import { clearInterval, setInterval } from 'node:timers'
import type pg from 'pg'

const interval = 100

const activity = `
  SELECT count(*)::int AS connections, count(*) FILTER (WHERE state LIKE 'idle in transaction%')::int AS idle
  FROM pg_stat_activity WHERE datname = $1`

/** Counts the connections that a function has, as the server sees them. */
export class ConnectionWatch {
  readonly #client: pg.Client
  readonly #database: string
  readonly #timer: NodeJS.Timeout
  /** The most there were at once. */
  connectionsUsed = 0
  /** Those that nobody used any more and that had a transaction open, when the last handler had ended. */
  idleInTransaction = 0

  constructor(client: pg.Client, database: string) {
    this.#client = client.on('error', () => {})
    this.#database = database
    this.#timer = setInterval(() => void this.#count().catch(() => {}), interval)
  }

  /** To be called when every handler has ended and before the environment does. */
  async settle(): Promise<void> {
    this.idleInTransaction += await this.#count()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#client.end()
  }

  async #count(): Promise<number> {
    const { rows } = await this.#client.query<{ connections: number; idle: number }>(activity, [this.#database])
    const { connections = 0, idle = 0 } = rows[0] ?? {}
    this.connectionsUsed = Math.max(this.connectionsUsed, connections)
    return idle
  }
}
