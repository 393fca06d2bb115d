import {
  IdempotencyInconsistentStateError,
  IdempotencyPersistenceLayerError,
  IdempotencyRecordStatus,
} from '@aws-lambda-powertools/idempotency'
import type { RequestScope } from '../../src/scope/request-scope.ts'
import type { KeyedStore, Payload, StoredRecord } from './keyed-store.ts'
import { repeatInBackground } from './repeated-write.ts'
import { asJson, storedOf } from './result.ts'

/** No request takes longer on Lambda: what one without a deadline is given, in milliseconds. */
const longestRequest = 900_000
/** How often a lock is asked for whose record vanishes between two calls. */
const attempts = 3

type Lock = { readonly state: 'none' } | { readonly state: 'held'; readonly until: number }

/**
 * The record of one request, in the shape that Powertools' idempotency works on. It is a lock from `saveInProgress` on,
 * as long as the handler may run, and only the request that holds it saves or deletes it.
 */
export class RequestRecord {
  readonly #store: KeyedStore
  readonly #scope: RequestScope
  readonly #zombieGrace: number
  readonly #isReplay: boolean
  #lock: Lock = { state: 'none' }

  /** @param isReplay - whether a durable execution goes on, so that the lock it meets is its own. */
  constructor(store: KeyedStore, scope: RequestScope, zombieGrace: number, isReplay: boolean) {
    this.#store = store
    this.#scope = scope
    this.#zombieGrace = zombieGrace
    this.#isReplay = isReplay
  }

  get isLocked(): boolean {
    return this.#lock.state === 'held'
  }

  /** The shared layer is configured at each access. */
  configure(): void {}

  async saveInProgress(payload: Payload): Promise<void> {
    for (let attempt = 1; this.#lock.state === 'none'; attempt++) {
      const duration = Math.max(1, Math.min(this.#scope.remaining(), longestRequest) + this.#zombieGrace)
      const until = Date.now() + duration
      try {
        await this.#store.saveInProgress(payload, duration)
        this.#lock = { state: 'held', until }
      } catch (error) {
        if (this.#isReplay && isNamed(error, 'IdempotencyItemAlreadyExistsError')) this.#lock = { state: 'held', until }
        if (!isMissing(error) || attempt === attempts) throw error
      }
    }
  }

  async getRecord(payload: Payload): Promise<StoredRecord> {
    try {
      return await this.#store.getRecord(payload)
    } catch (error) {
      // Deleted or expired since the lock was refused: Powertools tries again after this error only.
      if (isMissing(error)) throw new IdempotencyInconsistentStateError('The record has vanished.', { cause: error })
      if (error instanceof Error && error.name.startsWith('Idempotency')) throw error
      throw new IdempotencyPersistenceLayerError('The record can not be read.', { cause: error })
    }
  }

  processExistingRecord(record: StoredRecord, payload: Payload): StoredRecord {
    return this.#store.processExistingRecord(record, payload)
  }

  /** Rejects if the store does not take it at once; more attempts are made in the background. */
  async saveSuccess(payload: Payload, result: unknown): Promise<void> {
    const kept = storedOf(result)
    try {
      await this.#store.saveSuccess(payload, kept)
    } catch (error) {
      const storable = isOfService(error) ? kept : asJson(kept)
      await this.#saveAgain(() => this.#store.saveSuccess(payload, storable))
    }
  }

  /** Never rejects: the request answers with the error of its handler. */
  async deleteRecord(payload: Payload): Promise<void> {
    const remove = async (): Promise<void> => {
      if (!(await this.#isCompleted(payload))) await this.#store.deleteRecord(payload)
    }
    // A lock that has run out may be another request's by now.
    if (this.#remaining <= 0) return
    try {
      await remove()
    } catch (error) {
      this.#report(error)
      this.#repeat('the removal of an idempotency record', remove)
    }
  }

  async #saveAgain(save: () => Promise<void>): Promise<void> {
    try {
      await save()
    } catch (error) {
      // Nobody waits for what a zombie's promise says.
      if (this.#scope.outcome !== undefined) this.#report(error)
      this.#repeat('the saving of an idempotency record', save)
      throw error
    }
  }

  /** Whether a request whose lock ran out has finished after all, so that its result is what is stored. */
  async #isCompleted(payload: Payload): Promise<boolean> {
    try {
      const record: StoredRecord | undefined = await this.#store.getRecord(payload)
      return record?.getStatus() === IdempotencyRecordStatus.COMPLETED
    } catch {
      return false
    }
  }

  /** As long as the lock keeps the others away. */
  #repeat(name: string, write: () => Promise<void>): void {
    repeatInBackground({ name, write, remaining: () => this.#remaining, report: (error) => this.#report(error) })
  }

  /** Goes where a failed release is reported, when the request ends or at once if it has. */
  #report(cause: unknown): void {
    try {
      this.#scope.defer('idempotency record', () => {
        throw cause
      })
    } catch {
      // The scope has ended, and has called the release.
    }
  }

  get #remaining(): number {
    return this.#lock.state === 'held' ? this.#lock.until - Date.now() : 0
  }
}

const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name

const isMissing = (error: unknown): boolean => isNamed(error, 'IdempotencyItemNotFoundError')

/** Whether the error came from a call of the AWS SDK, and not from what had to be done before it. */
const isOfService = (error: unknown): boolean => typeof error === 'object' && error !== null && '$metadata' in error
