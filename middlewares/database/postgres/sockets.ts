import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { DriverOptions } from './driver-options.ts'

/**
 * Opens the sockets of one connection. Until it is ready, postgres.js by itself connects again to a server that hangs
 * up, at once and for ever; so it is let try the other hosts of the configuration, and then told.
 */
export class Sockets {
  /** The host it is at, and those to try next: postgres.js, which is given this list, takes an error for final at the last. */
  readonly hosts: string[]
  readonly #ports: number[]
  readonly #options: DriverOptions
  #socket: Socket | undefined
  #isReady = false

  constructor(options: DriverOptions) {
    this.#options = options
    this.hosts = [...options.host]
    this.#ports = [...options.port]
  }

  /** Opens one, for postgres.js. */
  readonly open = async (): Promise<Socket> => {
    if (this.#isReady) return this.#connect()
    if (this.#socket !== undefined && !this.#next()) throw lost('CONNECTION_CLOSED', 'the server hangs up')
    for (;;) {
      try {
        return await this.#connect()
      } catch (error) {
        if (!this.#next()) throw error
      }
    }
  }

  /** The server has answered: what is opened from now on is for cancellations, and goes to the same host. */
  ready(): void {
    this.#isReady = true
  }

  /** Breaks off what the connection goes over, for good. */
  destroy(): void {
    this.hosts.length = 1
    this.#socket?.destroy(lost('CONNECTION_DESTROYED', 'given up'))
  }

  #next(): boolean {
    if (this.hosts.length === 1) return false
    this.hosts.shift()
    this.#ports.shift()
    return true
  }

  async #connect(): Promise<Socket> {
    const { path, socket: own, connect_timeout } = this.#options
    const [host] = this.hosts
    const [port] = this.#ports
    if (own !== undefined) return this.#keep(await own(this.#options))
    // TLS asks for the host's certificate, errors name both.
    const socket = this.#keep(path ? connect(path) : Object.assign(connect(Number(port), host), { host, port }))
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(connect_timeout * 1_000) })
      return socket
    } catch (error) {
      socket.destroy()
      throw (error as Error).name === 'AbortError' ? noAnswer(connect_timeout) : error
    }
  }

  #keep(socket: Socket): Socket {
    if (!this.#isReady) this.#socket = socket
    return socket
  }
}

/** An error with a code of postgres.js. */
export const lost = (code: string, message: string): Error => Object.assign(new Error(`${code}: ${message}`), { code })

/** What is to answer has not. */
export const noAnswer = (seconds: number): Error => lost('CONNECT_TIMEOUT', `no answer within ${seconds} s`)
