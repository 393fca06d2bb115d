import type { ForkedScope, Outcome, Scope } from '../../src/scope/scope.ts'

/** What a record handler is given beside the record. */
export interface RecordContext {
  /** Aborts when the request's time is nearly up, and whenever the request's own does: the record is sent again then. */
  readonly signal: AbortSignal
  /** A scope of the record's own: what is deferred to it is released when its handler has settled. */
  readonly scope: Scope
}

/** One record while its handler runs. Its scope is opened when it is first asked for. */
export class RunningRecord implements RecordContext {
  readonly signal: AbortSignal
  readonly #request: Scope
  readonly #id: string
  #scope: ForkedScope | undefined
  #outcome: Outcome | undefined

  constructor(request: Scope, signal: AbortSignal, id: string) {
    this.#request = request
    this.signal = signal
    this.#id = id
  }

  get scope(): Scope {
    if (this.#scope === undefined) {
      this.#scope = this.#request.fork(`record ${this.#id}`)
      if (this.#outcome !== undefined) this.#close(this.#scope, this.#outcome)
    }
    return this.#scope
  }

  /** Returns nothing if there is no scope to close. */
  close(outcome: Outcome): Promise<void> | undefined {
    this.#outcome = outcome
    return this.#scope && this.#close(this.#scope, outcome)
  }

  #close(scope: ForkedScope, outcome: Outcome): Promise<void> {
    return scope.close(outcome, outcome !== 'timedOut')
  }
}
