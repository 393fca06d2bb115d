import { setImmediate } from 'node:timers'
import { RequestEndedError } from '../errors.ts'
import { whenAborted } from '../when-aborted.ts'
import { ContextKeys } from './context-keys.ts'
import { Fork } from './fork.ts'
import { type EarlyTimeout, HandlerRace, HandlerRun } from './handler-run.ts'
import { type Metric, type MetricListener, tellOf } from './metric.ts'
import { type ReleaseOwner, type ReleasePolicy, ReleaseStack } from './release-stack.ts'
import { remainingTime, type TimedContext } from './remaining-time.ts'
import type { ForkedScope, HandlerWrapper, Outcome, Release, Scope } from './scope.ts'
import { Watch, type Watched } from './watch.ts'

/** The part of Middy's request that a scope reads. */
export interface RequestLike {
  readonly context: unknown
  readonly error?: unknown
}

/** The open scopes of this worker. */
export const openScopes: Watch<RequestScope> = new Watch()

type Interruption = Extract<Outcome, 'timedOut' | 'disconnected'>

/** The scope of one request. */
export class RequestScope implements Scope, Watched, ReleaseOwner {
  index = 0
  due: number | undefined

  readonly policy: ReleasePolicy
  request: RequestLike | undefined
  /** Whether Middy calls a hook at the end of the request; else its end is that of the promise it answers with. */
  endsByHook = false
  /** Called when the request expires. */
  onExpire: (() => void) | undefined
  readonly #controller = new AbortController()
  readonly #parent: RequestScope | undefined
  readonly #unfollowParent: (() => void) | undefined
  #releases: ReleaseStack | undefined
  #keys: ContextKeys | undefined
  #wrappers: HandlerWrapper[] | undefined
  #listeners: MetricListener[] | undefined
  #deadline: number | undefined
  /** The handler's, while it is running against the early timeout. */
  #race: HandlerRace | undefined
  /** Whether it is known when the request expires. */
  #expires = false
  #outcome: Outcome | undefined
  #interruption: Interruption | undefined
  readonly #handler = new HandlerRun()
  #getRemainingTimeInMillis: TimedContext['getRemainingTimeInMillis']
  #suspended = false
  #response: unknown

  constructor(policy: ReleasePolicy, parent: RequestScope | undefined) {
    this.policy = policy
    this.#parent = parent
    if (parent !== undefined) this.#unfollowParent = this.follow(parent.signal)
    openScopes.add(this)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  get requestId(): string | undefined {
    return this.#context?.awsRequestId ?? this.#context?.lambdaContext?.awsRequestId
  }

  get deadline(): number {
    this.#deadline ??= Date.now() + this.remaining()
    return this.#deadline
  }

  get handlerSettled(): Promise<void> {
    return this.#handler.settled
  }

  /** What has been deferred and is not released yet. */
  get pending(): string[] {
    return this.#releases?.names ?? []
  }

  /** Makes the request known, and takes of its context what Middy takes when a request starts. */
  begin(request: RequestLike): void {
    this.request = request
    const context = this.#context
    this.#getRemainingTimeInMillis =
      context?.getRemainingTimeInMillis || context?.lambdaContext?.getRemainingTimeInMillis
  }

  defer(name: string, release: Release): () => Promise<void> {
    const releaseNow = this.hold(name, release)
    return async () => releaseNow()
  }

  hold(name: string, release: Release): () => Promise<void> | undefined {
    this.#releases ??= new ReleaseStack(this)
    return this.#releases.hold(name, release, this.#outcome && { outcome: this.#outcome, handlerSettled: false })
  }

  wrapHandler(wrapper: HandlerWrapper): void {
    this.#wrappers ??= []
    this.#wrappers.push(wrapper)
  }

  fork(name: string): ForkedScope {
    return new Fork(name, this)
  }

  get recording(): boolean {
    return this.#listeners !== undefined || (this.#parent?.recording ?? false)
  }

  record(metric: Metric): void {
    if (this.#listeners !== undefined) tellOf(metric, this.#listeners)
    this.#parent?.record(metric)
  }

  onRecord(listener: MetricListener): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** Puts a middleware's value on the context, for as long as the request lives. */
  provide(middleware: string, key: string, value: unknown): void {
    this.#keys ??= new ContextKeys()
    this.#keys.add(this.request?.context as object, middleware, key, value)
  }

  remaining(): number {
    return remainingTime(this.#context)
  }

  /** Aborts when `signal` does, until what is returned is called. */
  follow(signal: AbortSignal): (() => void) | undefined {
    if (!signal.aborted) return whenAborted(signal, () => this.#abort(signal))
    this.#abort(signal)
    return undefined
  }

  /** Tells the handler to stop; the scope stays open until it does, or until the deadline. */
  interrupt(interruption: Interruption): void {
    if (this.#outcome === undefined) this.#interrupt(interruption, new RequestEndedError('signal', interruption))
  }

  /** Notes that Middy is at work on the request, until `running` settles: it never does on a durable suspend. */
  process(running: Promise<unknown>): void {
    this.#suspended = true
    const done = (response?: unknown): void => {
      this.#suspended = false
      this.#response = response
    }
    running.then(done, () => done())
  }

  /** Whether the response is a stream that has failed by itself. */
  get bodyFailed(): boolean {
    const response = this.#response as { errored?: unknown; body?: { errored?: unknown } } | null | undefined
    return Boolean(response?.errored ?? response?.body?.errored)
  }

  /**
   * Runs the handler within what the middlewares put around it. What is synchronous stays so.
   *
   * @param early - answers if a promise of the handler's takes too long; not given if Middy sees to that itself.
   */
  handle(context: unknown, handler: () => unknown, early: EarlyTimeout | undefined): unknown {
    this.#keys?.expose(context as object)
    const run = this.#wrappers?.reduceRight<() => unknown>((next, wrapper) => () => wrapper(next), handler) ?? handler
    const result = this.#handler.start(run)
    if (!(result instanceof Promise)) return result
    // Called as Middy calls it: unbound.
    const getRemainingTimeInMillis = this.#getRemainingTimeInMillis
    if (early !== undefined && getRemainingTimeInMillis) return this.#startRace(result, early, getRemainingTimeInMillis)
    this.#handler.follow(result)
    return result
  }

  /** Closes the scope of a request that Middy is done with. Returns nothing if no release has to be awaited. */
  end(threw: boolean): Promise<void> | undefined {
    if (this.#outcome === undefined) return this.close(this.#outcomeOf(threw))
    if (this.#handler.state === 'pending') this.#handler.settle()
    return undefined
  }

  /** Reads the time that is left once, and only of a request that is still open at the next tick. */
  look(): number {
    if (this.#race !== undefined) this.#timeOut(this.#race)
    const remaining = this.#expires ? 0 : this.remaining()
    this.#expires = true
    if (remaining > 0) return remaining
    // After all timers that are due: when the loop was blocked, Middy's early timeout may be among them, and answers first.
    // The immediate is not unref'd: an idle loop would not wake for it.
    setImmediate(expire, this)
    return Number.POSITIVE_INFINITY
  }

  /** Closes the scope at the request's deadline, whatever is still running. */
  expire(): void {
    if (this.#outcome !== undefined) return
    this.interrupt('timedOut')
    this.close('timedOut')
    this.onExpire?.()
  }

  protected close(outcome: Outcome, handlerSettled: boolean = this.#hasStopped(outcome)): Promise<void> | undefined {
    if (this.#outcome !== undefined) return undefined
    this.#endRace()
    openScopes.remove(this)
    this.#outcome = outcome
    this.#unfollowParent?.()
    if (handlerSettled) {
      this.#keys?.restore(this.request?.context as object, () => openScopes.all().flatMap((scope) => scope.#keys ?? []))
      this.#handler.settle()
    } else if (!this.signal.aborted) this.#controller.abort(new RequestEndedError('signal', outcome))
    return this.#releases?.run({ outcome, handlerSettled })
  }

  /** What the handler's promise comes to, or what is answered instead if that takes too long. */
  #startRace(result: Promise<unknown>, early: EarlyTimeout, getRemainingTimeInMillis: () => number): Promise<unknown> {
    const race = new HandlerRace(early)
    result.then(
      (value) => {
        this.#handler.settle()
        this.#endRace()
        race.resolve(value)
      },
      (error) => {
        this.#handler.fail()
        this.#endRace()
        race.reject(error)
      },
    )
    this.#race = race
    openScopes.hold(this, getRemainingTimeInMillis() - early.timeoutEarlyInMillis)
    return race.promise
  }

  #timeOut(race: HandlerRace): void {
    this.#endRace()
    this.#interrupt('timedOut')
    race.timeOut()
  }

  #endRace(): void {
    if (this.#race === undefined) return
    this.#race = undefined
    this.#expires = false
    openScopes.letGo(this)
  }

  #outcomeOf(threw: boolean): Outcome {
    if (this.#interruption !== undefined) return this.#interruption
    if (threw || this.#handler.failed || (this.request?.error ?? undefined) !== undefined) return 'threw'
    if (this.#suspended) return 'suspended'
    return this.#handler.state === 'pending' ? 'early' : 'returned'
  }

  /** Whether the handler has stopped, or will never start: at the deadline it still may. */
  #hasStopped(outcome: Outcome): boolean {
    switch (this.#handler.state) {
      case 'pending':
        return outcome !== 'timedOut'
      case 'running':
        return outcome === 'suspended'
      case 'settled':
        return true
      default:
        return this.#handler.state satisfies never
    }
  }

  #abort(signal: AbortSignal): void {
    const { reason } = signal
    const disconnected = reason instanceof RequestEndedError && reason.data.outcome === 'disconnected'
    this.#interrupt(disconnected ? 'disconnected' : 'timedOut', reason)
  }

  #interrupt(interruption: Interruption, reason?: unknown): void {
    this.#interruption ??= interruption
    this.#controller.abort(reason)
  }

  get #context(): TimedContext | undefined {
    return (this.request?.context as TimedContext | null | undefined) ?? undefined
  }
}

const expire = (scope: RequestScope): void => scope.expire()
