import { type Metric, type MetricListener, tellOf } from './metric.ts'
import { type ReleaseOwner, type ReleasePolicy, ReleaseStack } from './release-stack.ts'
import type { Ending, ForkedScope, HandlerWrapper, Outcome, Release, Scope } from './scope.ts'

/** A scope within a request's scope. Until something is deferred to it, it costs the request's scope nothing. */
export class Fork implements ForkedScope, ReleaseOwner {
  readonly #name: string
  readonly #parent: Scope & ReleaseOwner
  #releases: ReleaseStack | undefined
  #leave: (() => Promise<void> | undefined) | undefined
  #ending: Ending | undefined
  #listeners: MetricListener[] | undefined

  constructor(name: string, parent: Scope & ReleaseOwner) {
    this.#name = name
    this.#parent = parent
  }

  get policy(): ReleasePolicy {
    return this.#parent.policy
  }

  get requestId(): string | undefined {
    return this.#parent.requestId
  }

  remaining(): number {
    return this.#parent.remaining()
  }

  get signal(): AbortSignal {
    return this.#parent.signal
  }

  get deadline(): number {
    return this.#parent.deadline
  }

  get outcome(): Outcome | undefined {
    return this.#ending?.outcome ?? this.#parent.outcome
  }

  get handlerSettled(): Promise<void> {
    return this.#parent.handlerSettled
  }

  defer(name: string, release: Release): () => Promise<void> {
    const releaseNow = this.hold(name, release)
    return async () => releaseNow()
  }

  hold(name: string, release: Release): () => Promise<void> | undefined {
    if (this.#releases === undefined) {
      this.#releases = new ReleaseStack(this.#parent)
      if (this.#ending === undefined) this.#leave = this.#parent.hold(this.#name, (ending) => this.#end(ending))
    }
    return this.#releases.hold(name, release, this.#ending)
  }

  wrapHandler(wrapper: HandlerWrapper): void {
    this.#parent.wrapHandler(wrapper)
  }

  fork(name: string): ForkedScope {
    return new Fork(name, this)
  }

  get recording(): boolean {
    return this.#listeners !== undefined || this.#parent.recording
  }

  record(metric: Metric): void {
    if (this.#listeners !== undefined) tellOf(metric, this.#listeners)
    this.#parent.record(metric)
  }

  onRecord(listener: MetricListener): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  async close(outcome: Outcome = 'returned', handlerSettled = true): Promise<void> {
    await this.end({ outcome, handlerSettled })
  }

  /** Closes it. Returns nothing if no release has to be awaited. */
  end(ending: Ending): Promise<void> | undefined {
    if (this.#ending !== undefined) return undefined
    this.#ending = ending
    return this.#leave?.()
  }

  #end(requestEnding: Ending): Promise<void> | undefined {
    this.#ending ??= requestEnding
    return this.#releases?.run(this.#ending)
  }
}
