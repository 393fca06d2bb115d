import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'

const pollInterval = 5
const startBound = 10_000

/** A real Redis of this process's own, which keeps nothing. */
export interface Redis extends AsyncDisposable {
  readonly url: string
  /** How many clients of this name there are. */
  clients(name: string): Promise<number>
  /** Ends the server at once, as a crash would. */
  halt(): Promise<void>
  /** Starts it again, on the same port. */
  resume(): Promise<void>
  stop(): Promise<void>
}

const find = (program: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
    .map((directory) => join(directory, program))
    .find((path) => existsSync(path))

/** Whether this machine has a Redis; where `LMI_TEST_SERVERS` requires one, its absence fails instead of skipping. */
export const hasRedis = (): boolean =>
  find('redis-server') !== undefined || process.env['LMI_TEST_SERVERS'] === 'required'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

class Server implements Redis {
  readonly url: string
  readonly #start: () => ChildProcess
  #process: ChildProcess | undefined

  constructor(port: number, start: () => ChildProcess) {
    this.url = `redis://127.0.0.1:${port}`
    this.#start = start
  }

  async resume(): Promise<void> {
    const server = this.#start()
    this.#process = server
    process.once('exit', this.#kill)
    const end = performance.now() + startBound
    while (!(await this.#isReady())) {
      if (server.exitCode !== null || performance.now() > end)
        throw new Error('startRedis(): the server did not start.')
      await wait(pollInterval)
    }
  }

  async clients(name: string): Promise<number> {
    const lines = (await this.#ask('CLIENT', 'LIST')).split('\n')
    return lines.filter((line) => line.includes(` name=${name} `)).length
  }

  async halt(): Promise<void> {
    const server = this.#process
    if (server === undefined) return
    this.#process = undefined
    process.removeListener('exit', this.#kill)
    if (server.exitCode === null && server.kill('SIGKILL')) await once(server, 'exit')
  }

  stop(): Promise<void> {
    return this.halt()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  readonly #kill = (): void => {
    this.#process?.kill('SIGKILL')
  }

  async #ask(...command: string[]): Promise<string> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } }).on('error', () => {})
    await client.connect()
    try {
      return `${await client.sendCommand(command)}`
    } finally {
      await client.close()
    }
  }

  async #isReady(): Promise<boolean> {
    return (await this.#ask('PING').catch(() => '')) === 'PONG'
  }
}

/** Starts a Redis on a port of its own. */
export const startRedis = async (): Promise<Redis> => {
  const program = find('redis-server')
  if (program === undefined)
    throw new Error('startRedis(): there is no redis-server. Install Debian\'s "redis-server".')
  const port = await freePort()
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp']
  const server = new Server(port, () => spawn(program, settings, { stdio: 'ignore' }))
  await server.resume()
  return server
}
