import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'

const run = promisify(execFile)
const pollInterval = 5
const startBound = 20_000

/** What `startMariaDb()` takes. */
export interface MariaDbOptions {
  /** @defaultValue 100 */
  maxConnections?: number
  /** Has it offer TLS, with a certificate of its own for `localhost`. @defaultValue false */
  tls?: boolean
  /** More lines of its configuration. */
  settings?: readonly string[]
}

/** A real MariaDB of this process's own, on a directory that goes with it. */
export interface MariaDb extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly socketPath: string
  readonly user: string
  readonly password: string
  readonly database: string
  /** The server's certificate, if it offers TLS. */
  readonly certificate: string | undefined
  /** Ends the server and its connections at once; the data stay. */
  halt(): Promise<void>
  /** Starts it again, on the same port. */
  resume(): Promise<void>
  /** Ends the server and removes its directory. */
  stop(): Promise<void>
}

const find = (program: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin']
    .map((directory) => join(directory, program))
    .find((path) => existsSync(path))

/** Whether this machine has a MariaDB; where `LMI_TEST_SERVERS` requires one, its absence fails instead of skipping. */
export const hasMariaDb = (): boolean =>
  find('mariadbd') !== undefined || process.env['LMI_TEST_SERVERS'] === 'required'

interface Account {
  readonly uid?: number
  readonly gid?: number
}

const findAccount = async (): Promise<Account> => {
  if (process.getuid?.() !== 0) return {}
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const [, , uid, gid] =
    ['mysql', 'nobody'].flatMap((name) => accounts.filter(([account]) => account === name))[0] ?? []
  if (uid === undefined) throw new Error('startMariaDb(): run as root, it needs an account "mysql" or "nobody".')
  return { uid: Number(uid), gid: Number(gid) }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Makes a certificate for a name, `server.crt` in a directory, with its key in `server.key`; resolves to its text. */
export const makeCertificate = async (directory: string, name = 'localhost'): Promise<string> => {
  const certificate = join(directory, 'server.crt')
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const files = ['-keyout', join(directory, 'server.key'), '-out', certificate]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run('openssl', ['req', '-new', '-x509', ...kind, ...subject, ...files])
  return readFile(certificate, 'utf8')
}

class Server implements MariaDb {
  readonly host = '127.0.0.1'
  readonly user = 'tester'
  readonly password = 'tested'
  readonly database = 'tests'
  readonly port: number
  readonly socketPath: string
  readonly certificate: string | undefined
  readonly #directory: string
  readonly #start: () => ChildProcess
  #process: ChildProcess | undefined

  constructor(port: number, certificate: string | undefined, directory: string, start: () => ChildProcess) {
    this.port = port
    this.socketPath = join(directory, 'socket')
    this.certificate = certificate
    this.#directory = directory
    this.#start = start
  }

  async resume(): Promise<void> {
    const server = this.#start()
    this.#process = server
    process.once('exit', this.#kill)
    let log = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000)
    })
    const end = performance.now() + startBound
    while (!log.includes('ready for connections')) {
      if (server.exitCode !== null || performance.now() > end)
        throw new Error(`startMariaDb(): the server did not start.\n${log}`)
      await wait(pollInterval)
    }
  }

  async halt(): Promise<void> {
    const server = this.#process
    if (server === undefined) return
    this.#process = undefined
    process.removeListener('exit', this.#kill)
    if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit')
  }

  async stop(): Promise<void> {
    await this.halt()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  readonly #kill = (): void => {
    this.#process?.kill('SIGKILL')
  }
}

/** Starts the MariaDB this machine has, as root too. */
export const startMariaDb = async (options: MariaDbOptions = {}): Promise<MariaDb> => {
  const { maxConnections = 100, tls = false, settings = [] } = options
  const mariadbd = find('mariadbd')
  const install = find('mariadb-install-db')
  if (mariadbd === undefined || install === undefined)
    throw new Error('startMariaDb(): there is no mariadbd here. Install the package "mariadb-server" of your system.')
  const directory = await mkdtemp(join(tmpdir(), 'mariadb-'))
  try {
    const account = await findAccount()
    const data = join(directory, 'data')
    // A server that starts empties the one it shares with others.
    const temporary = join(directory, 'tmp')
    for (const path of [data, temporary]) await mkdir(path)
    const port = await freePort()
    const certificate = tls ? await makeCertificate(directory) : undefined
    const file = join(directory, 'my.cnf')
    await writeFile(
      file,
      [
        '[mariadbd]',
        `datadir=${data}`,
        `tmpdir=${temporary}`,
        `socket=${join(directory, 'socket')}`,
        `pid-file=${join(directory, 'pid')}`,
        `port=${port}`,
        'bind-address=127.0.0.1',
        'skip-name-resolve',
        `max_connections=${maxConnections}`,
        // What a test breaks off is no attack.
        'max_connect_errors=1000000',
        // Nothing here has to survive a power cut.
        'innodb_flush_log_at_trx_commit=0',
        'innodb_flush_method=nosync',
        'innodb_buffer_pool_size=16M',
        'innodb_log_file_size=8M',
        'key_buffer_size=1M',
        'aria_pagecache_buffer_size=1M',
        'performance_schema=OFF',
        ...(tls ? [`ssl-cert=${join(directory, 'server.crt')}`, `ssl-key=${join(directory, 'server.key')}`] : []),
        ...settings,
        '',
      ].join('\n'),
    )
    if (account.uid !== undefined && account.gid !== undefined) {
      await chmod(directory, 0o755)
      const own = [directory, data, temporary, ...(tls ? [join(directory, 'server.key')] : [])]
      for (const path of own) await chown(path, account.uid, account.gid)
    }
    const how = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve']
    await run(install, [`--defaults-file=${file}`, ...how], account)
    const server = new Server(port, certificate, directory, () =>
      spawn(mariadbd, [`--defaults-file=${file}`], { ...account, stdio: ['ignore', 'ignore', 'pipe'] }),
    )
    await server.resume()
    const root = await createConnection({ socketPath: server.socketPath, user: 'root', multipleStatements: true })
    await root.query(
      `CREATE DATABASE ${server.database} CHARACTER SET utf8mb4;
       CREATE USER ${server.user} IDENTIFIED BY '${server.password}';
       GRANT ALL ON *.* TO ${server.user} WITH GRANT OPTION`,
    )
    await root.end()
    return server
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
