import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { readLines } from './lines.ts'
import { type Logs, requestOf } from './logs.ts'

/** Takes the workers' log lines: one connection a worker, its first line the worker's index. */
export class LogReceiver {
  readonly #sockets = new Set<Socket>()
  readonly #server: net.Server

  constructor(logs: Logs) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      let worker: number | undefined
      readLines(socket, (text) => {
        if (worker === undefined) worker = Number(text)
        else logs.add({ requestId: requestOf(text), worker, source: 'console', text })
      })
    })
  }

  async listen(host: string): Promise<number> {
    this.#server.listen(0, host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
