/**
 * Has an event delivered again while its first delivery is certain to be running: the file is not sent until the second
 * one has been answered, or reads it too.
 */
export class Redelivery {
  readonly #begun = Promise.withResolvers<void>()
  readonly #released = Promise.withResolvers<void>()
  #executions = 0

  /** How often the file was read. */
  get executions(): number {
    return this.#executions
  }

  /** Resolves when the first execution wants the file. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** What the object store waits for before it sends the file. */
  read(): Promise<void> {
    this.#executions++
    if (this.#executions > 1) this.release()
    this.#begun.resolve()
    return this.#released.promise
  }

  release(): void {
    this.#released.resolve()
  }
}
