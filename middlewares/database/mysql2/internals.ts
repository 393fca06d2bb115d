import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { ConnectionOptions } from 'mysql2'

/** What is used of mysql2 beyond what it declares. */
export interface CoreConfig extends ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly pool: CorePool
  readonly keepAliveInitialDelay?: number
  charsetNumber: number
}

export type Callback = (error: unknown, ...results: unknown[]) => void

export interface Command extends EventEmitter {
  /** The method that reads the next packet of the answer. */
  readonly next: unknown
  /** Sends it, and returns what reads the answer; nothing if there is none. */
  start: () => unknown
  /** Of what has rows: reads them as a stream. */
  stream: (options?: object) => Readable
  /** Of what is executed: what was prepared for it. */
  readonly statement?: PreparedStatement
  readonly onResult?: Callback
  readonly resultsetHeader?: unknown
  readonly infileOk?: unknown
  readonly pingResponse?: unknown
  readonly resetConnectionResponse?: unknown
}

export interface Packet {
  readonly buffer: Buffer
  readonly offset: number
  isEOF(): boolean
  eofStatusFlags(): number
}

export interface CorePool {
  readonly _allConnections: { readonly length: number; get(index: number): CoreConnection }
  readonly _connectionQueue: { readonly length: number }
  readonly config: { readonly connectionConfig: CoreConfig }
  getConnection(callback: (error: unknown, connection?: CoreConnection) => void): void
  query(sql: string, callback: Callback): void
  end(callback: () => void): void
}

export interface PreparedStatement {
  readonly query: string
  readonly id: number
  readonly columns: readonly unknown[]
  readonly parameters: readonly unknown[]
  execute(...parametersAndCallback: unknown[]): Command
}

export interface CoreConnection extends EventEmitter {
  readonly config: CoreConfig
  readonly stream: Socket
  readonly threadId: number
  readonly state: string
  readonly authorized: boolean
  readonly _command?: Command | null
  /** What has not been sent. */
  readonly _commands: { readonly length: number; shift(): Command | undefined; push(command: Command): void }
  readonly _paused: boolean
  /** It is replaced by the other one when no more commands are taken. */
  readonly addCommand: unknown
  readonly _addCommandClosedState: unknown
  handlePacket(packet?: Packet): void
  /** Fails everything that runs on it. */
  _notifyError(error: Error): void
  query(...queryAndCallback: unknown[]): Command
  execute(...queryAndCallback: unknown[]): Command
  prepare(options: unknown, callback: (error: unknown, statement: PreparedStatement) => void): Command
  unprepare(query: unknown): unknown
  changeUser(options: unknown, callback?: Callback): Command
  ping(callback?: Callback): Command
  reset(callback?: Callback): Command
  format(...queryAndValues: unknown[]): string
  escape(value: unknown): string
  escapeId(value: unknown): string
  pause(): void
  resume(): void
  release(): void
  end(): void
}

/** Whether it takes no more commands: it is lost, or has been told to end. */
export const isClosed = (core: CoreConnection): boolean => core.addCommand === core._addCommandClosedState
