import { setTimeout } from 'node:timers'
import type postgres from 'postgres'
import { longestTimer } from '../../../src/options.ts'
import { closeConnections } from '../pool/closing.ts'
import type { PostgresConnection } from './connection.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { openConnection } from './opening.ts'

type CheckedOut = (error: unknown, connection?: PostgresConnection) => void

/** What the connections of one worker are made with. */
export interface ConnectionsSettings extends ConnectionSettings {
  readonly share: number
  /** Milliseconds after which an idle connection is ended. */
  readonly idleTimeout: number
  readonly onError: (error: Error) => void
}

/** The connections of one worker: those that are idle, and who waits for one. */
export class Connections {
  /** Makes queries and their parts, and never connects. */
  readonly root: postgres.Sql
  readonly #settings: ConnectionsSettings
  readonly #open = new Set<PostgresConnection>()
  readonly #idle: PostgresConnection[] = []
  readonly #waiting: CheckedOut[] = []
  #opening = 0
  #sweeping: NodeJS.Timeout | undefined
  #serving = false
  #closing = false

  constructor(root: postgres.Sql, settings: ConnectionsSettings) {
    this.root = root
    this.#settings = settings
  }

  /** Whether one of them can be kept for notifications. */
  get canListen(): boolean {
    return this.#settings.share > 1
  }

  report(error: Error): void {
    this.#settings.onError(error)
  }

  checkOut(done: CheckedOut): void {
    this.#waiting.push(done)
    this.#serve()
  }

  take(connection: PostgresConnection, fate: 'keep' | 'destroy'): void {
    if (!this.#open.has(connection)) return
    if (fate === 'destroy' || connection.state === 'broken') connection.destroy()
    else if (connection.isExpired || this.#closing) void connection.end()
    else this.#keep(connection)
    this.#serve()
  }

  lost(connection: PostgresConnection, idle: boolean): void {
    this.#open.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    if (idle) this.report(new Error('the server has closed it'))
    this.#serve()
  }

  /** Ends all gracefully until the deadline, then at once. */
  async close(deadline: number): Promise<void> {
    this.#closing = true
    const ended = Promise.all(Array.from(this.#open, (connection) => connection.end()))
    await closeConnections(this.#open, ended, deadline)
  }

  #serve(): void {
    // Who has waited for too long gives a connection back at once, which leads here again.
    if (this.#serving) return
    this.#serving = true
    while (this.#waiting.length > 0) {
      const connection = this.#idle.pop()
      if (connection !== undefined) this.#lend(connection, this.#waiting.shift())
      else if (this.#open.size + this.#opening < this.#settings.share) this.#openFor(this.#waiting.shift())
      else break
    }
    this.#serving = false
  }

  #keep(connection: PostgresConnection): void {
    this.#idle.push(connection)
    this.#sweepIn(this.#settings.idleTimeout)
  }

  /** Ends those that are idle for too long. postgres.js would do so under a query that is just being sent. */
  #sweepIn(wait: number): void {
    if (wait < Number.POSITIVE_INFINITY)
      this.#sweeping ??= setTimeout(() => this.#sweep(), Math.min(wait, longestTimer)).unref()
  }

  #sweep(): void {
    this.#sweeping = undefined
    const { idleTimeout } = this.#settings
    const idleBefore = performance.now() - idleTimeout
    // The first has been idle for longest.
    const kept = this.#idle.findIndex(({ idleSince }) => idleSince > idleBefore)
    for (const connection of this.#idle.splice(0, kept === -1 ? this.#idle.length : kept)) void connection.end()
    const [first] = this.#idle
    if (first !== undefined) this.#sweepIn(first.idleSince - idleBefore)
  }

  #lend(connection: PostgresConnection, done: CheckedOut | undefined): void {
    connection.hear(() => {
      if (connection.state !== 'broken') done?.(undefined, connection)
      else {
        if (done !== undefined) this.#waiting.unshift(done)
        this.#serve()
      }
    })
  }

  #openFor(done: CheckedOut | undefined): void {
    this.#opening += 1
    openConnection(this.#settings, this).then(
      (connection) => {
        this.#opening -= 1
        this.#open.add(connection)
        done?.(undefined, connection)
      },
      (error) => {
        this.#opening -= 1
        done?.(error)
        this.#serve()
      },
    )
  }
}
