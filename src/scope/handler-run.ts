/** What Middy has instead of an answer shortly before the deadline. */
export interface EarlyTimeout {
  readonly timeoutEarlyInMillis: number
  timeoutEarlyResponse(): unknown
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
