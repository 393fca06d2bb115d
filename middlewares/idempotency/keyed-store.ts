import type { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import type { IdempotencyLambdaHandlerOptions } from '@aws-lambda-powertools/idempotency/types'

/** A persistence layer of Powertools: `DynamoDBPersistenceLayer`, `CachePersistenceLayer` or one of your own. */
export type PersistenceStore = IdempotencyLambdaHandlerOptions['persistenceStore']

export type Payload = Parameters<PersistenceStore['saveInProgress']>[0]
export type StoredRecord = Awaited<ReturnType<PersistenceStore['getRecord']>>

/**
 * A persistence layer as one function sees it. The layer keeps its key prefix as a field that every function sets which
 * shares it, and reads it when a key is made: so it is ours while a key of ours is made, and theirs again after that.
 *
 * {@link https://github.com/aws-powertools/powertools-lambda-typescript/issues/5707 | What happens otherwise}
 */
export class KeyedStore {
  readonly #store: PersistenceStore
  readonly #options: Parameters<PersistenceStore['configure']>[0]
  readonly #keyPrefix: string

  constructor(store: PersistenceStore, config: IdempotencyConfig, keyPrefix: string | undefined) {
    this.#store = store
    this.#options = { config }
    this.#keyPrefix = keyPrefix?.trim() ?? store.idempotencyKeyPrefix
  }

  saveInProgress(payload: Payload, duration: number): Promise<void> {
    return this.#withKeys(() => this.#store.saveInProgress(payload, duration))
  }

  saveSuccess(payload: Payload, result: unknown): Promise<void> {
    return this.#withKeys(() => this.#store.saveSuccess(payload, result as Payload))
  }

  deleteRecord(payload: Payload): Promise<void> {
    return this.#withKeys(() => this.#store.deleteRecord(payload))
  }

  getRecord(payload: Payload): Promise<StoredRecord> {
    return this.#withKeys(() => this.#store.getRecord(payload))
  }

  processExistingRecord(record: StoredRecord, payload: Payload): StoredRecord {
    return this.#store.processExistingRecord(record, payload) as StoredRecord
  }

  /** The layers make the key before they wait for anything, so that no other function comes between. */
  #withKeys<R>(access: () => Promise<R>): Promise<R> {
    const store = this.#store
    const theirs = store.idempotencyKeyPrefix
    store.configure(this.#options)
    store.idempotencyKeyPrefix = this.#keyPrefix
    try {
      return access()
    } finally {
      store.idempotencyKeyPrefix = theirs
    }
  }
}
