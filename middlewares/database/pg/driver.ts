import type pg from 'pg'
import { loadDriver } from '../load-driver.ts'
import { closeConnections } from '../pool/closing.ts'
import type { ConnectProblem, PoolConnection, PoolDriver } from '../pool/driver.ts'
import type { DriverSettings } from '../pool/pool-options.ts'
import { AtHand } from './at-hand.ts'
import { connectionClass, type PgConnection } from './connection.ts'
import { diagnose } from './diagnosis.ts'
import { settle, tryReset, unusableError } from './readiness.ts'

type CheckedOut = (error: unknown, connection?: PoolConnection<pg.PoolClient>) => void

/** Speaks to node-postgres. */
export class PgDriver implements PoolDriver<pg.Pool, pg.PoolClient> {
  readonly name: string
  readonly #settings: DriverSettings<pg.PoolConfig>
  readonly #open = new Set<PgConnection>()
  readonly #atHand = new AtHand()
  readonly #loading: Promise<typeof pg>

  constructor(settings: DriverSettings<pg.PoolConfig>) {
    this.name = settings.name
    this.#settings = settings
    // At once, not at the first request, whose time it would take.
    this.#loading = loadDriver(settings.name, 'pg', async () => (await import('pg')).default)
    this.#loading.catch(() => {})
  }

  async open(): Promise<pg.Pool> {
    const { share, config, onError } = this.#settings
    const driver = await this.#loading
    const atHand = this.#atHand
    class Pool extends driver.Pool {
      // Others than requests may ask it, for whom there has to be in it what is not in use.
      override connect(callback?: unknown): never {
        atHand.clear()
        return super.connect(callback as never) as never
      }
    }
    const keep = (connection: PgConnection): void => {
      if (isWanted(pool)) connection.release()
      else atHand.put(connection)
    }
    const lost = (connection: PgConnection, error: Error): void => {
      if (atHand.drop(connection)) onError(error)
    }
    const isEnding = (): boolean => pool.ending
    const Client = connectionClass(driver, { ...this.#settings, open: this.#open, keep, lost, isEnding })
    const pool: pg.Pool = new Pool({ allowExitOnIdle: true, ...config, max: share, Client })
    pool.on('error', onError)
    pool.on('release', (_error, client) => (client as PgConnection).rest())
    return pool
  }

  checkOut(pool: pg.Pool, done: CheckedOut): void {
    this.#checkOut(pool, done, 0)
  }

  mayPassOn(pool: pg.Pool, connection: PoolConnection<pg.PoolClient>): boolean {
    return !isWanted(pool) && !(connection as PgConnection).isExpired
  }

  diagnose(error: unknown): ConnectProblem {
    return diagnose(error)
  }

  get credentialsCanChange(): boolean {
    return this.#settings.credentials?.canChange ?? false
  }

  async maxConnections(pool: pg.Pool): Promise<number> {
    const { rows } = await pool.query('SHOW max_connections')
    return Number(rows[0]?.max_connections)
  }

  close(pool: pg.Pool, deadline: number): Promise<void> {
    this.#atHand.clear()
    const ended = Promise.all([pool.ending ? undefined : pool.end(), ...Array.from(this.#open, endOf)])
    return closeConnections(this.#open, ended, deadline)
  }

  /** @param replaced - how many of no use it has found before. */
  #checkOut(pool: pg.Pool, done: CheckedOut, replaced: number): void {
    const connection = this.#atHand.take()
    if (connection !== undefined) this.#hear(pool, connection, done, replaced)
    else
      pool.connect((error, client) => {
        if (client === undefined) done(error)
        else this.#hear(pool, client as PgConnection, done, replaced)
      })
  }

  #hear(pool: pg.Pool, connection: PgConnection, done: CheckedOut, replaced: number): void {
    connection.hear(() => {
      if (this.#isReady(connection)) done(undefined, connection)
      else void this.#makeReady(pool, connection, done, replaced)
    })
  }

  #isReady({ state }: PgConnection): boolean {
    return state === 'clean' || (state === 'dirty' && !this.#settings.traces)
  }

  /** It is lost, or somebody has done something on it who has it of the pool: at the latest a listener, as it was opened. */
  async #makeReady(pool: pg.Pool, connection: PgConnection, done: CheckedOut, replaced: number): Promise<void> {
    const { connectTimeout, share, traces } = this.#settings
    const { isNew } = connection
    await settle(connection, connectTimeout)
    if (isNew) connection.adopt()
    // What listeners set, a reset takes away.
    else if (traces && connection.state === 'dirty' && pool.listenerCount('connect') === 0)
      await tryReset(connection, connectTimeout)
    if (this.#isReady(connection)) return done(undefined, connection)
    const error = unusableError(connection)
    connection.checkIn('destroy')
    if (isNew || replaced === share) done(error)
    else this.#checkOut(pool, done, replaced + 1)
  }
}

/** Whether a connection that comes back has to go into the pool: others wait for it there, or its uses are counted. */
const isWanted = ({ waitingCount, ending, options: { maxUses } }: pg.Pool): boolean =>
  waitingCount > 0 || ending || Number.isFinite(maxUses)

const endOf = (connection: PgConnection): Promise<void> => new Promise((resolve) => connection.once('end', resolve))
