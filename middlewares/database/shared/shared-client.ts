import { EventEmitter } from 'node:events'
import { callBack } from '../../../src/call-back.ts'
import type { CloseOptions, Database, DescribeOptions, Lease, LeaseRequest } from '../../../src/database-adapter.ts'
import { logLine } from '../../../src/log.ts'
import { aFunction, checkOptions, milliseconds, type Rules, required, text } from '../../../src/options.ts'
import { revocable } from '../../../src/revocable.ts'
import { onShutdown } from '../../../src/runtime/shutdown.ts'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import type { Ending } from '../../../src/scope/scope.ts'
import { describeBudget, environmentsOf } from '../budget.ts'
import { DatabaseClosedError, DatabaseConnectError } from '../errors.ts'
import { doneWithin } from '../pool/bounded.ts'
import { deadlineOf } from '../pool/closing.ts'
import { endedError } from '../pool/driver.ts'
import { failureOf, noAnswer, passingSystemCodes } from '../pool/system-errors.ts'

const remedy =
  'Nothing answers: correct what open() connects to, open the security group for the function, or raise connectTimeout.'

const correction = 'Start what open() and connect() connect to, or correct what they are given.'

const ignore = (): void => {}

/** What `sharedClient()` takes. */
export interface SharedClientOptions<C> {
  /** Makes the client. Called when a request first asks for it, and again after it failed or the client is of no more use. */
  open: () => C | Promise<C>
  /** Connects the client that `open` has made, once its errors are listened to. @defaultValue nothing is done */
  connect?: (client: C) => unknown
  /** Milliseconds both of these may take together; then a request that waits fails, and the next one opens anew. @defaultValue 10000 */
  connectTimeout?: number
  /**
   * Closes the client at the end of the environment; and one that does not connect or not in time, whatever that throws.
   *
   * @defaultValue nothing is done
   */
  close?: (client: C) => unknown
  /** Whether the client can still be used; one that can't is replaced, without being closed. @defaultValue always */
  isUsable?: (client: C) => boolean
  /**
   * Told of the `error` events of a client that has such: nobody listening, they would end the worker.
   *
   * @defaultValue one structured line by `console.warn`
   */
  onError?: (error: unknown) => void
  /** How messages call it. @defaultValue 'sharedClient()' */
  name?: string
}

type State<C> =
  | { readonly kind: 'unopened' }
  | { readonly kind: 'opening'; readonly client: Promise<C> }
  | { readonly kind: 'open'; readonly client: C; readonly unregister: () => void }
  | { readonly kind: 'closed'; readonly closed: Promise<void> }

const rules: Rules<SharedClientOptions<unknown>> = {
  open: required(aFunction),
  close: aFunction,
  connect: aFunction,
  connectTimeout: milliseconds,
  isUsable: aFunction,
  onError: aFunction,
  name: text,
}

const logError = (name: string, error: unknown): void =>
  logLine('WARN', {
    code: 'DATABASE_CLIENT_ERROR',
    message: `${name}: the shared client reports an error: ${error instanceof Error ? error.message : error}`,
  })

/**
 * One client for all requests of a worker, opened when first asked for: for drivers made for that, such as those of
 * Redis, MongoDB or OpenSearch. It has no session of a request's own, so that nothing has to be put in order at the
 * end: what a request has of it then fails at its next use.
 *
 * @throws TypeError for an unknown option or one of the wrong type.
 *
 * @example
 * ```ts
 * import { connect } from 'node:net'
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { database } from 'middy-managed-instances/database'
 * import { sharedClient } from 'middy-managed-instances/database/shared'
 *
 * // In place of createClient() of redis, or new MongoClient().
 * const cache = sharedClient({ open: () => connect(6379, 'cache.example.com'), close: (client) => client.destroy() })
 *
 * export const handler = middy(managed())
 *   .use(database({ db: cache, contextKey: 'cache' }))
 *   .handler(async (_event, { cache }) => (await cache.client()).bytesRead)
 * ```
 */
export const sharedClient = <C>(options: SharedClientOptions<C>): Database<C, C> =>
  new SharedClient(checkOptions<SharedClientOptions<C>>('sharedClient()', rules, options))

class SharedClient<C> implements Database<C, C> {
  readonly name: string
  readonly #options: SharedClientOptions<C>
  #state: State<C> = { kind: 'unopened' }

  constructor(options: SharedClientOptions<C>) {
    this.name = options.name ?? 'sharedClient()'
    this.#options = options
  }

  get pool(): Promise<C> {
    const client = this.#open()
    client.catch(() => {})
    return client
  }

  async acquire(request: LeaseRequest): Promise<Lease<C>> {
    request.signal.throwIfAborted()
    const client = await within(this.#open(), request, this.name)
    const lent = revocable(client)
    const end = (ending: Ending | undefined): undefined => {
      lent.revoke((use) => endedError(this.name, use, ending))
    }
    return { client: lent.client, end }
  }

  async describe(options?: DescribeOptions): Promise<string> {
    return describeBudget(this.name, 1, environmentsOf(this.name, options), undefined)
  }

  async close(options?: CloseOptions): Promise<void> {
    const deadline = deadlineOf(this.name, options)
    if (this.#state.kind !== 'closed') this.#state = { kind: 'closed', closed: this.#close(this.#state, deadline) }
    return this.#state.closed
  }

  async #open(): Promise<C> {
    const state = this.#state
    switch (state.kind) {
      case 'open':
        if (this.#options.isUsable?.(state.client) ?? true) return state.client
        state.unregister()
        break
      case 'opening':
        return state.client
      case 'closed':
        throw new DatabaseClosedError(this.name)
      case 'unopened':
        break
      default:
        return state satisfies never
    }
    const client = this.#opened()
    this.#state = { kind: 'opening', client }
    return client
  }

  async #opened(): Promise<C> {
    try {
      const client = await outsideRequests(() => this.#connected())
      // Closed meanwhile: that waits for this, and closes it.
      if (this.#state.kind === 'opening') {
        const unregister = onShutdown(this.name, (shutdown) => this.close(shutdown))
        this.#state = { kind: 'open', client, unregister }
      }
      return client
    } catch (error) {
      if (this.#state.kind === 'opening') this.#state = { kind: 'unopened' }
      throw error
    }
  }

  async #connected(): Promise<C> {
    const { open, connect, connectTimeout = 10_000, close } = this.#options
    let isLate = false
    const opening = (async () => open())()
    const connecting = opening.then((client) => {
      this.#listen(client)
      return isLate ? undefined : connect?.(client)
    })
    try {
      if (await doneWithin(connectTimeout, connecting)) return await opening
      throw unanswered(this.name, connectTimeout)
    } catch (error) {
      isLate = true
      // One that goes on connecting would be there beside the next.
      opening.then((client) => callBack(() => close?.(client)), ignore)
      throw error instanceof DatabaseConnectError ? error : refused(this.name, error)
    }
  }

  #listen(client: unknown): void {
    const { onError = (error: unknown) => logError(this.name, error) } = this.#options
    if (!(client instanceof EventEmitter)) return
    // Thrown on, it would end the worker.
    client.on('error', (error) => callBack(() => onError(error)))
  }

  async #close(state: State<C>, deadline: number): Promise<void> {
    if (state.kind === 'open') state.unregister()
    if (state.kind !== 'open' && state.kind !== 'opening') return
    // One that does not connect is closed there.
    const closing = Promise.resolve(state.client).then((client) => this.#options.close?.(client), ignore)
    await doneWithin(Math.max(0, deadline - Date.now()), closing)
  }
}

/** What others may be waiting for too: only this request's wait ends. */
const within = async <T>(opening: Promise<T>, { signal, deadline }: LeaseRequest, name: string): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort)
  const wait = Math.max(0, deadline - Date.now())
  try {
    if (await doneWithin(wait, Promise.race([opening, aborted]))) return await opening
    throw unanswered(name, wait)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const refused = (database: string, cause: unknown): DatabaseConnectError => {
  const transient = passingSystemCodes.includes(failureOf(cause).code ?? '')
  return new DatabaseConnectError({ database, attempts: 1, transient }, correction, cause)
}

const unanswered = (database: string, waited: number): DatabaseConnectError =>
  new DatabaseConnectError({ database, attempts: 1, transient: true }, remedy, noAnswer(waited))
