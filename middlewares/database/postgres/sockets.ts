import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { DriverOptions } from './driver-options.ts'
import type { Host } from './hosts.ts'

/**
 * Opens the sockets of one connection. Until it is ready, postgres.js by itself connects again to a server that hangs
 * up, at once and for ever; so it is let try the other hosts of the configuration, and then told. Once it is lost, it is
 * given none: postgres.js would connect again for a query that waits.
 */
export class Sockets {
  /**
   * For postgres.js, in place of its own: it tries another host while there are several, and takes a primary for
   * `prefer-standby` if the first of them is none.
   */
  readonly hosts: string[]
  readonly #options: DriverOptions
  /** Where it is, and what to try next. */
  readonly #left: Host[]
  readonly #over = new AbortController()
  #socket: Socket | undefined
  #isReady = false

  constructor(options: DriverOptions, hosts: Host[]) {
    this.#options = options
    this.#left = hosts
    this.hosts = hosts.map(({ host = '' }) => host)
    this.#markLast()
  }

  /** Opens one, for postgres.js. */
  readonly open = async (): Promise<Socket> => {
    if (this.#over.signal.aborted) throw givenUp()
    if (this.#isReady) return this.#connect()
    if (this.#socket !== undefined && !this.#next()) throw lost('CONNECTION_CLOSED', 'the server hangs up')
    for (;;) {
      try {
        return await this.#open()
      } catch (error) {
        if (!this.#next()) throw error
      }
    }
  }

  /** The server has answered: what is opened from now on is for cancellations, and goes to the same host. */
  ready(): void {
    this.#isReady = true
  }

  /** It ends, for which what is open may take its time. */
  openNoMore(): void {
    this.#over.abort()
  }

  /** Breaks off what it goes over. */
  destroy(): void {
    this.openNoMore()
    this.#socket?.destroy()
  }

  #next(): boolean {
    if (this.#left.length === 1 || this.#over.signal.aborted) return false
    this.#left.shift()
    this.hosts.shift()
    this.#markLast()
    return true
  }

  #markLast(): void {
    if (this.hosts.length === 1 && this.#options.target_session_attrs === 'prefer-standby') this.hosts[0] = ''
  }

  async #open(): Promise<Socket> {
    this.#socket = await this.#connect(this.#over.signal)
    if (!this.#over.signal.aborted) return this.#socket
    this.#socket.destroy()
    throw givenUp()
  }

  async #connect(signal?: AbortSignal): Promise<Socket> {
    const { path, socket: own, connect_timeout } = this.#options
    if (own !== undefined) return own(this.#options)
    const [{ host, port }] = this.#left as [Host]
    // TLS asks for the host's certificate, errors name both.
    const socket = path ? connect(path) : Object.assign(connect(Number(port), host), { host, port })
    try {
      const timeout = AbortSignal.timeout(Math.ceil(connect_timeout * 1_000))
      await once(socket, 'connect', { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) })
      return socket
    } catch (error) {
      socket.destroy()
      throw (error as Error).name === 'AbortError' ? noAnswer(connect_timeout) : error
    }
  }
}

/** An error with a code of postgres.js. */
export const lost = (code: string, message: string): Error => Object.assign(new Error(`${code}: ${message}`), { code })

const givenUp = (): Error => lost('CONNECTION_DESTROYED', 'given up')

/** What is to answer has not. */
export const noAnswer = (seconds: number): Error => lost('CONNECT_TIMEOUT', `no answer within ${seconds} s`)
