/** The run of a request's handler: whether it has begun, and the promise of its end. */
export class HandlerRun {
  #state: 'pending' | 'running' | 'settled' = 'pending'
  #settled: PromiseWithResolvers<void> | undefined

  get state(): 'pending' | 'running' | 'settled' {
    return this.#state
  }

  /** Resolves when the handler has stopped or is certain not to run; never rejects. */
  get settled(): Promise<void> {
    if (this.#settled === undefined) {
      this.#settled = Promise.withResolvers()
      if (this.#state === 'settled') this.#settled.resolve()
    }
    return this.#settled.promise
  }

  /** Runs the handler. What is synchronous stays so; of a promise the caller tells when it has settled. */
  start(handler: () => unknown): unknown {
    this.#state = 'running'
    try {
      const result = handler()
      if (!(result instanceof Promise)) this.settle()
      return result
    } catch (error) {
      this.settle()
      throw error
    }
  }

  settle(): void {
    this.#state = 'settled'
    this.#settled?.resolve()
  }
}
