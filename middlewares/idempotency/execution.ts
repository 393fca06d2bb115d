import { type IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency'
import { RequestEndedError } from '../../src/errors.ts'
import type { RequestScope } from '../../src/scope/request-scope.ts'
import { conflict, isHttp } from './conflict.ts'
import { explained } from './errors.ts'
import type { KeyedStore, Payload, PersistenceStore } from './keyed-store.ts'
import { RequestRecord } from './request-record.ts'
import { snapshot } from './snapshot.ts'

/** What the requests of one function have in common. */
export interface IdempotencySettings {
  readonly store: KeyedStore
  readonly config: IdempotencyConfig
  readonly zombieGrace: number
  readonly httpConflict: boolean
}

/** Stands for whatever the handler threw: Powertools runs a handler again, or throws another error, after some of it. */
const handlerFailed = new Error('The handler failed.')

type Handler = { readonly state: 'waiting' | 'ran' } | { readonly state: 'threw'; readonly error: unknown }

/** One request: runs the handler if nobody has, and else resolves to what the other run returned. */
export class Execution {
  readonly #settings: IdempotencySettings
  readonly #scope: RequestScope
  readonly #payload: Payload
  readonly #record: RequestRecord
  /** What tells Powertools that a durable execution goes on. */
  readonly #durable: { readonly durableExecutionMode: unknown }
  #handler: Handler = { state: 'waiting' }

  constructor(settings: IdempotencySettings, scope: RequestScope, payload: Payload) {
    this.#settings = settings
    this.#scope = scope
    this.#payload = payload
    this.#durable = { durableExecutionMode: modeOf(scope.request?.context) }
    const isReplay = this.#durable.durableExecutionMode === 'ReplayMode'
    this.#record = new RequestRecord(settings.store, scope, settings.zombieGrace, isReplay)
  }

  async run(next: () => unknown): Promise<unknown> {
    this.#refuseLateStart()
    const idempotent = makeIdempotent((_payload: Payload, _durable: object) => this.#runHandler(next), {
      persistenceStore: this.#record as unknown as PersistenceStore,
      config: this.#settings.config,
    })
    try {
      const result: unknown = await idempotent(this.#payload, this.#durable)
      // A layer may keep what it has read, and give it to the next request as well.
      return this.#handler.state === 'waiting' ? snapshot(result) : result
    } catch (error) {
      return this.#answerTo(error)
    }
  }

  async #runHandler(next: () => unknown): Promise<unknown> {
    this.#handler = { state: 'ran' }
    try {
      this.#refuseLateStart()
      return await next()
    } catch (error) {
      this.#handler = { state: 'threw', error }
      throw handlerFailed
    }
  }

  /** The caller has been told that this request failed, and sends it again: it had better be that one which runs. */
  #refuseLateStart(): void {
    const { signal, outcome = 'timedOut' } = this.#scope
    if (signal.aborted) throw new RequestEndedError('idempotency()', outcome, { cause: signal.reason })
  }

  #answerTo(error: unknown): unknown {
    if (this.#handler.state === 'threw') throw this.#handler.error
    const isConflict = error instanceof Error && error.name === 'IdempotencyAlreadyInProgressError'
    if (isConflict && this.#settings.httpConflict && isHttp(this.#payload)) return conflict()
    throw explained(error, this.#record.isLocked)
  }
}

const modeOf = (context: unknown): unknown =>
  (context as { readonly durableExecutionMode?: unknown } | null | undefined)?.durableExecutionMode
