import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { serveTcp } from './tcp.ts'

const protocol41 = 0x0200
const tls = 0x0800
const secureConnection = 0x8000
const pluginAuth = 0x0008_0000
const queryCode = 0x03

/** One connection to a server that says what a test tells it to. */
export class Wire {
  #socket: Socket | TLSSocket
  #received: Buffer = Buffer.alloc(0)
  #waiting: (() => void) | undefined
  #sequence = 0

  constructor(socket: Socket) {
    this.#socket = this.#read(socket)
  }

  get isEncrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  /** The next packet; rejects when the client has hung up. */
  async next(): Promise<Buffer> {
    while (this.#received.length < 4 || this.#received.length < 4 + this.#received.readUIntLE(0, 3)) {
      if (this.#socket.closed) throw new Error('The client has hung up.')
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    const end = 4 + this.#received.readUIntLE(0, 3)
    const packet = this.#received.subarray(4, end)
    this.#sequence = (this.#received[3] ?? 0) + 1
    this.#received = this.#received.subarray(end)
    return packet
  }

  send(...parts: (Buffer | string)[]): void {
    const payload = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
    const header = Buffer.alloc(4)
    header.writeUIntLE(payload.length, 0, 3)
    header[3] = this.#sequence
    this.#sequence += 1
    this.#socket.write(Buffer.concat([header, payload]))
  }

  /** The server's first packet. */
  greet(offersTls: boolean): void {
    const capabilities = protocol41 | secureConnection | pluginAuth | (offersTls ? tls : 0)
    const fixed = Buffer.alloc(18)
    fixed.writeUInt16LE(capabilities & 0xffff, 0)
    fixed[2] = 45
    fixed.writeUInt16LE(0x0002, 3)
    fixed.writeUInt16LE(capabilities >>> 16, 5)
    fixed[7] = 21
    const number = Buffer.from([7, 0, 0, 0])
    this.send(Buffer.from([10]), '8.4.0', number, 'scramble', fixed, 'scrambleagain', 'mysql_native_password')
  }

  ok(): void {
    this.send(Buffer.from([0, 0, 0, 2, 0, 0, 0]))
  }

  fail(code: number, message: string): void {
    this.send(Buffer.from([0xff, code & 0xff, code >>> 8]), Buffer.from(`#HY000${message}`))
  }

  /** Goes on in TLS. */
  secure(key: string, cert: string): void {
    this.#socket.removeAllListeners('data').pause()
    // What has come behind the client's request is the beginning of it.
    this.#socket.unshift(this.#received)
    this.#received = Buffer.alloc(0)
    this.#socket = this.#read(
      new TLSSocket(this.#socket, { isServer: true, secureContext: createSecureContext({ key, cert }) }),
    )
  }

  hangUp(): void {
    this.#socket.destroy()
  }

  /** Answers every query with an error, until the client leaves. */
  async refuseQueries(): Promise<void> {
    for (;;) {
      const packet = await this.next()
      if (packet[0] === queryCode) this.fail(1064, 'This server knows no query.')
      else this.ok()
    }
  }

  #read<S extends Socket>(socket: S): S {
    const wake = (): void => this.#waiting?.()
    return socket
      .on('data', (data) => {
        this.#received = Buffer.concat([this.#received, data])
        wake()
      })
      .on('error', () => {})
      .on('close', wake)
  }
}

/** Listens, serves every connection as told, and resolves to its port; ends with its test. */
export const scriptedMysql = (serve: (wire: Wire) => Promise<void> | void): Promise<number> =>
  serveTcp(async (socket) => {
    // What it fails with the client has done, and the client's error is what is tested.
    await Promise.resolve(serve(new Wire(socket))).catch(() => {})
  })
