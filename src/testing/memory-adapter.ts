import { clearTimeout, setTimeout } from 'node:timers'
import {
  type CloseOptions,
  type Database,
  type DescribeOptions,
  type Lease,
  LeaseReleasedError,
  type LeaseRequest,
} from '../database-adapter.ts'
import { ManagedError, RequestEndedError } from '../errors.ts'
import { knowLender, type Lender } from '../lent-clients.ts'
import { aFunction, checkOptions, longestTimer, type Rules, required, text, wholeNumber } from '../options.ts'
import { revocable } from '../revocable.ts'

/** What `memoryAdapter()` takes. */
export interface MemoryAdapterOptions<C> {
  /** Makes a client of a test's own, once for each that is lent at the same time. */
  client: () => C
  /** How many may be lent at once; others wait, in their order. @defaultValue as many as are asked for */
  connections?: number
  /** How messages call it. @defaultValue 'memoryAdapter()' */
  name?: string
}

/** A database without a server, and what a test asks it. */
export interface MemoryAdapter<C> extends Database<C, readonly C[]> {
  /** How many leases there have been. */
  readonly leases: number
  /** How many are lent now. */
  readonly lent: number
  /** How many have been given back. */
  readonly returned: number
  /** How many requests wait for a client. */
  readonly waiting: number
  /** Fails the next request for a client with this error; called twice, the next two. */
  failNext(error: Error): void
}

const rules: Rules<MemoryAdapterOptions<unknown>> = {
  client: required(aFunction),
  connections: wholeNumber(1),
  name: text,
}

/**
 * A database for tests of a handler, without a server: it lends clients of the test's own as the adapters of drivers do.
 * Each is revoked when its request ends, and any later use of it fails with the same errors.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { expectNoLeaks, invoke, memoryAdapter } from 'middy-managed-instances/testing'
 *
 * const orders = memoryAdapter({ client: () => ({ query: async (text: string) => ({ rows: [{ text }] }) }) })
 * const handler = middy<object, number>(managed())
 *   .use(database({ db: orders }))
 *   .handler(async (_event, { db }) => (await (await db.client()).query('SELECT 1')).rows.length)
 *
 * console.log(await invoke(handler, {}), orders.leases, orders.lent) // 1 1 0
 * await expectNoLeaks()
 * ```
 */
export const memoryAdapter = <C extends object>(options: MemoryAdapterOptions<C>): MemoryAdapter<C> =>
  new Memory(checkOptions<MemoryAdapterOptions<C>>('memoryAdapter()', rules, options))

/** What a request that gets no client is told, with the codes of the adapters of drivers. */
class MemoryError extends ManagedError<{ readonly database: string }> {
  override readonly name: string
  override readonly retryable: boolean
  readonly code: 'DATABASE_BUSY' | 'DATABASE_CLOSED'

  constructor(code: 'DATABASE_BUSY' | 'DATABASE_CLOSED', database: string, problem: string) {
    super(`${database}: ${problem}`, { database })
    this.code = code
    this.name = code === 'DATABASE_BUSY' ? 'DatabaseBusyError' : 'DatabaseClosedError'
    this.retryable = code === 'DATABASE_BUSY'
  }
}

interface Waiting<C> {
  readonly lend: (client: C) => void
  readonly fail: (error: unknown) => void
}

class Memory<C extends object> implements MemoryAdapter<C>, Lender {
  readonly name: string
  readonly #make: () => C
  readonly #connections: number
  readonly #clients: C[] = []
  readonly #idle: C[] = []
  readonly #waiting = new Set<Waiting<C>>()
  readonly #failures: Error[] = []
  readonly #forget: () => void
  #leases = 0
  #returned = 0
  #closed = false

  constructor({ client, connections = Number.POSITIVE_INFINITY, name = 'memoryAdapter()' }: MemoryAdapterOptions<C>) {
    this.name = name
    this.#make = client
    this.#connections = connections
    this.#forget = knowLender(this)
  }

  get pool(): Promise<readonly C[]> {
    return Promise.resolve(this.#clients)
  }

  get leases(): number {
    return this.#leases
  }

  get lent(): number {
    return this.#leases - this.#returned
  }

  get returned(): number {
    return this.#returned
  }

  get waiting(): number {
    return this.#waiting.size
  }

  failNext(error: Error): void {
    this.#failures.push(error)
  }

  async acquire(request: LeaseRequest): Promise<Lease<C>> {
    request.signal.throwIfAborted()
    if (this.#closed) throw this.#closedError()
    const failure = this.#failures.shift()
    if (failure !== undefined) throw failure
    const client = this.#idle.pop() ?? (this.#clients.length < this.#connections ? this.#open() : undefined)
    return this.#lend(client ?? (await this.#wait(request)))
  }

  async describe({ environments = 1 }: DescribeOptions = {}): Promise<string> {
    const connections = Number.isFinite(this.#connections) ? `${this.#connections}` : 'any number of'
    return `${this.name}: ${connections} clients x ${environments} ${environments === 1 ? 'environment' : 'environments'}`
  }

  async close(_options?: CloseOptions): Promise<void> {
    this.#closed = true
    this.#forget()
    for (const { fail } of this.#waiting) fail(this.#closedError())
  }

  #open(): C {
    const client = this.#make()
    this.#clients.push(client)
    return client
  }

  #lend(client: C): Lease<C> {
    this.#leases += 1
    const lent = revocable(client)
    return {
      client: lent.client,
      end: (ending) => {
        const ended = (use: string): Error =>
          ending === undefined
            ? new LeaseReleasedError(this.name, use)
            : new RequestEndedError(`${this.name} client`, ending.outcome)
        if (lent.revoke(ended)) this.#takeBack(client)
        return undefined
      },
    }
  }

  #takeBack(client: C): void {
    this.#returned += 1
    const [next] = this.#waiting
    if (next === undefined) this.#idle.push(client)
    else next.lend(client)
  }

  async #wait({ signal, deadline }: LeaseRequest): Promise<C> {
    const { promise, resolve, reject } = Promise.withResolvers<C>()
    const waiting: Waiting<C> = {
      lend: (client) => {
        this.#waiting.delete(waiting)
        resolve(client)
      },
      fail: (error) => {
        this.#waiting.delete(waiting)
        reject(error)
      },
    }
    this.#waiting.add(waiting)
    const abort = (): void => waiting.fail(signal.reason)
    signal.addEventListener('abort', abort)
    const patience = Math.min(Math.max(0, deadline - Date.now()), longestTimer)
    const timer = setTimeout(() => waiting.fail(this.#busyError(patience)), patience)
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
      clearTimeout(timer)
    }
  }

  #busyError(waited: number): MemoryError {
    const problem = `no client came free within ${waited} ms; all ${this.#connections} are lent. Give them back, or raise connections.`
    return new MemoryError('DATABASE_BUSY', this.name, problem)
  }

  #closedError(): MemoryError {
    return new MemoryError('DATABASE_CLOSED', this.name, 'it has been closed. Close it after the last test.')
  }
}
