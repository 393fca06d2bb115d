import type postgres from 'postgres'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import { inContext } from '../pool/in-context.ts'
import { silence } from './query.ts'
import { unlessLost } from './unless-lost.ts'

const ignore = (): void => {}

/** One `begin()`, from its BEGIN until its COMMIT or ROLLBACK. */
export class Transaction {
  readonly #isLost: () => boolean
  readonly #abandoned = Promise.withResolvers<void>()
  #running: Promise<unknown> = Promise.resolve()
  #savepoints = 0
  #isEnding = false
  #thrown: unknown
  #refuse: (() => Error) | undefined

  constructor(isLost: () => boolean) {
    this.#isLost = isLost
    silence(this.#abandoned.promise)
  }

  /** Why it takes no more queries. */
  get refusal(): Error | undefined {
    return this.#refuse?.()
  }

  /** Whether its callback is over, so that its COMMIT or ROLLBACK is under way. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Whether it is its callback that has failed with this. */
  threw(error: unknown): boolean {
    return this.#thrown === error
  }

  /** Resolves when it has ended, either way. */
  ended(): Promise<void> {
    return this.#running.then(ignore, ignore)
  }

  async run<R>(
    sql: postgres.Sql,
    options: string,
    work: (sql: postgres.TransactionSql, transaction: Transaction) => R,
  ): Promise<unknown> {
    // postgres.js keeps what it calls of this until the next transaction, but nothing of the request.
    const bound = inContext((inner: postgres.TransactionSql) =>
      unlessLost(this.#isLost, () =>
        this.#untilEnding(Promise.race([asOne(work(inner, this)), this.#abandoned.promise])),
      ),
    )
    this.#running = outsideRequests(() => sql.begin(options, bound))
    try {
      return await this.#running
    } finally {
      // What waits for a promise keeps the context of its request; postgres.js has functions in old space that keep this.
      this.#abandoned.resolve()
    }
  }

  async savepoint<R>(
    outer: postgres.TransactionSql,
    name: string,
    work: (sql: postgres.TransactionSql) => R,
  ): Promise<unknown> {
    this.#savepoints += 1
    try {
      return await outer.savepoint(name, (inner) => unlessLost(this.#isLost, () => asOne(work(inner))))
    } finally {
      this.#savepoints -= 1
    }
  }

  /** Lets no more queries in. Whether it is committed or rolled back, nobody may be left to hear of. */
  revoke(refuse: () => Error): void {
    this.#refuse ??= refuse
    silence(this.#running)
  }

  /**
   * Rolls it back, whatever its callback goes on with.
   *
   * @throws if a savepoint is open: when that callback ends, postgres.js sends its ROLLBACK TO to the connection, which
   *   would be another request's by then.
   */
  async abandon(): Promise<void> {
    if (this.#savepoints > 0) throw new Error('A savepoint is open.')
    this.#abandoned.reject(this.refusal)
    await this.ended()
  }

  async #untilEnding(work: Promise<unknown>): Promise<unknown> {
    try {
      return await work
    } catch (error) {
      this.#thrown = error
      throw error
    } finally {
      this.#isEnding = true
    }
  }
}

/** What a callback returns, as postgres.js takes it. */
const asOne = async (result: unknown): Promise<unknown> => (Array.isArray(result) ? Promise.all(result) : result)
