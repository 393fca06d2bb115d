import { callBack } from '../../../src/call-back.ts'
import type { Database } from '../../../src/database-adapter.ts'
import { logLine } from '../../../src/log.ts'
import {
  aBoolean,
  aFunction,
  milliseconds,
  oneOf,
  type Rule,
  type Rules,
  required,
  text,
} from '../../../src/options.ts'
import { runtime } from '../../../src/runtime/environment.ts'
import { aBudget, shareOf } from '../budget.ts'
import { CredentialStore, type Credentials, someCredentials } from '../credentials.ts'
import type { PoolDriver } from './driver.ts'
import { type Leak, logLeak } from './leak.ts'
import { LeasedPool } from './leased-pool.ts'
import type { Reset } from './restore.ts'

/** What the pool of every driver takes; `Config` is the driver's own configuration. */
export interface PoolOptions<Config> {
  /**
   * The most connections of one execution environment: each of its workers gets an equal share, rounded down. The
   * server sees as many times this number as there are environments.
   */
  connections: number
  /** What the driver is configured with: `host`, `database`, `ssl` and so on. @defaultValue the driver's own defaults */
  config?: Config
  /**
   * The login, asked for each physical connection: a password, `{ username, password }`, a function or a source such
   * as `secret('orders/db', { transform: 'json' })`. If the server refuses it, a source is refreshed, or a function asked
   * again, and the connection tried once more. @defaultValue what `config` says
   */
  credentials?: Credentials
  /** Milliseconds a request waits for a client at most; less if it has less time left. @defaultValue 10000 */
  acquireTimeout?: number
  /** Milliseconds one attempt to connect may take. @defaultValue 3000 */
  connectTimeout?: number
  /** Milliseconds after which a connection is replaced; up to a quarter less, at random. @defaultValue 1800000: half an hour */
  maxLifetime?: number
  /**
   * When settings, roles, temporary tables, locks and the like are taken away before the next request gets the
   * connection: after requests whose statements, by their words, leave some (`'dirty'`), after every one (`'always'`,
   * where functions of your own do), or never (`'off'`, behind RDS Proxy: a statement that no reset undoes, such as
   * `DEALLOCATE`, is not seen either). @defaultValue 'dirty'
   */
  reset?: Reset
  /** Notes where each client is asked for, to be seen in leaks; takes some microseconds. For tests. @defaultValue false */
  stacks?: boolean
  /**
   * Told of transactions, queries and cursors that a request left behind, if it had its chance to end them.
   * @defaultValue one structured line by `console.warn`
   */
  onLeak?: (leak: Leak) => void
  /** How messages, errors and leaks call it, where there are several. @defaultValue the adapter, such as 'pgPool()' */
  name?: string
  /** Told of errors of idle connections, which are replaced. @defaultValue one structured line by `console.warn` */
  onError?: (error: Error) => void
}

/** What makes something else of each client. */
export interface Mapped<Client, L> {
  /** What each request gets in place of the client: an instance of Kysely or Drizzle, or what you like. */
  map?: (client: Client) => L
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const only = (keys: readonly string[], value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)))

/** A URL may have a password in it. */
const withoutLogin = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/(?<=:\/\/).*/s, '') : value

/** The rules of these options. `taken` are the keys of the driver's configuration that have options of their own. */
export const poolRules = (
  taken: readonly string[],
): Rules<PoolOptions<unknown> & Mapped<never, unknown>> & Readonly<Record<string, Rule>> => ({
  connections: required(aBudget),
  config: {
    expected: `an object without ${taken.slice(0, -1).join(', ')} and ${taken.at(-1)}`,
    accepts: (value) => isObject(value) && !taken.some((key) => key in value),
    shown: (value) => (isObject(value) ? only(taken, value) : withoutLogin(value)),
  },
  credentials: someCredentials,
  acquireTimeout: milliseconds,
  connectTimeout: milliseconds,
  maxLifetime: milliseconds,
  reset: oneOf('dirty', 'always', 'off'),
  stacks: aBoolean,
  onLeak: aFunction,
  onError: aFunction,
  name: text,
  map: aFunction,
})

/** What a driver's connections are opened with. */
export interface DriverSettings<Config> {
  /** Of the adapter, for messages. */
  readonly name: string
  /** This worker's share of the connections. */
  readonly share: number
  readonly config: Config
  readonly credentials: CredentialStore | undefined
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds that a connection is used before it is replaced; each has its own share of it. */
  readonly maxLifetime: number
  /** Whether to note what queries leave in the session. */
  readonly traces: boolean
  readonly onError: (error: Error) => void
}

const logIdleError = (name: string, error: Error): void =>
  logLine('WARN', {
    code: 'DATABASE_CONNECTION_LOST',
    message: `${name}: an idle connection was lost and will be replaced when needed: ${error.message}`,
  })

/** Makes the pool of a driver from options that have been checked. */
export const openPool = <P, Client, Config extends object, L>(
  adapter: string,
  options: PoolOptions<Config> & Mapped<Client, L>,
  driverOf: (settings: DriverSettings<Config>) => PoolDriver<P, Client>,
): Database<L, P> => {
  const {
    connections,
    config = {} as Config,
    credentials,
    acquireTimeout = 10_000,
    connectTimeout = 3_000,
    maxLifetime = 1_800_000,
    reset = 'dirty',
    stacks = false,
    onLeak = logLeak,
    name = adapter,
    onError = (error: Error) => logIdleError(name, error),
    map = (client: Client) => client as unknown as L,
  } = options
  const share = shareOf(name, connections)
  const driver = driverOf({
    name,
    share,
    config,
    credentials:
      credentials === undefined
        ? undefined
        : new CredentialStore(name, credentials, Math.max(acquireTimeout, connectTimeout)),
    connectTimeout,
    maxLifetime,
    traces: reset !== 'off',
    // Thrown on, it would end the worker.
    onError: (error) => callBack(() => onError(error)),
  })
  const awaitsRestoration = !runtime.managedInstances
  return new LeasedPool({ driver, share, acquireTimeout, stacks, reset, map, onLeak, awaitsRestoration })
}
