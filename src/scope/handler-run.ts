/** What Middy has instead of an answer shortly before the deadline. */
export interface EarlyTimeout {
  readonly timeoutEarlyInMillis: number
  timeoutEarlyResponse(): unknown
}

/**
 * What a handler has promised, against the early timeout: whichever is first is the answer. It is no function on the
 * scope: V8 puts a function that is assigned to a property into old space, as it would a method, from where it kept the
 * whole request until the next full collection.
 */
export class HandlerRace {
  // With functions made here for it, `new Promise` takes several times as long where async hooks are at work.
  readonly #answer = Promise.withResolvers<unknown>()
  readonly #early: EarlyTimeout

  constructor(early: EarlyTimeout) {
    this.#early = early
  }

  get promise(): Promise<unknown> {
    return this.#answer.promise
  }

  resolve(value: unknown): void {
    this.#answer.resolve(value)
  }

  reject(error: unknown): void {
    this.#answer.reject(error)
  }

  timeOut(): void {
    try {
      this.resolve(this.#early.timeoutEarlyResponse())
    } catch (error) {
      this.reject(error)
    }
  }
}

/** The run of a request's handler: whether it has begun, the promise of its end, and whether it failed. */
export class HandlerRun {
  #state: 'pending' | 'running' | 'settled' = 'pending'
  #failed = false
  #settled: PromiseWithResolvers<void> | undefined

  get state(): 'pending' | 'running' | 'settled' {
    return this.#state
  }

  get failed(): boolean {
    return this.#failed
  }

  /** Resolves when the handler has stopped or is certain not to run; never rejects. */
  get settled(): Promise<void> {
    if (this.#settled === undefined) {
      this.#settled = Promise.withResolvers()
      if (this.#state === 'settled') this.#settled.resolve()
    }
    return this.#settled.promise
  }

  /** Runs the handler. What is synchronous stays so; a promise has to be followed, or the caller tells when it has settled. */
  start(handler: () => unknown): unknown {
    this.#state = 'running'
    try {
      const result = handler()
      if (!(result instanceof Promise)) this.settle()
      return result
    } catch (error) {
      this.fail()
      throw error
    }
  }

  /** Notes when what the handler has promised settles. */
  follow(result: Promise<unknown>): void {
    result.then(
      () => this.settle(),
      () => this.fail(),
    )
  }

  settle(): void {
    this.#state = 'settled'
    this.#settled?.resolve()
  }

  fail(): void {
    this.#failed = true
    this.settle()
  }
}
