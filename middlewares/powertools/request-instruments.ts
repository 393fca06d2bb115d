import type { ReleaseEnding } from '../../src/scope/scope.ts'
import { startCold } from './cold-start.ts'
import type { Instrument } from './instruments/instrument.ts'
import type { OfficialRequest } from './official.ts'
import { currentInvocation, type Invocation, runIn } from './tracing/invocation.ts'

/** The part of Middy's request that is read here. */
export interface PowertoolsRequest {
  readonly event: unknown
  readonly context: unknown
  readonly response: unknown
  readonly error: unknown
  readonly internal: object
}

/** The utilities around one request: each is ended once, by whoever comes first. */
export class RequestInstruments {
  readonly #request: OfficialRequest
  readonly #invocation: Invocation | undefined = currentInvocation()
  /** In the order of their ends: the last one started is the first. */
  #open: readonly Instrument[] = []
  #problem: { readonly error: unknown } | undefined

  constructor({ event, context }: PowertoolsRequest) {
    this.#request = { event, context, internal: {}, response: undefined, error: undefined }
  }

  start(instruments: readonly Instrument[], instances: readonly object[]): void {
    startCold(instances, () => {
      for (const instrument of instruments) {
        this.#open = [instrument, ...this.#open]
        instrument.start(this.#request)
      }
    })
  }

  /** @throws what an instrument throws, `throwOnEmptyMetrics` for one; those that are still open then fail. */
  succeed(response: unknown): void {
    this.#request.response = response
    for (const instrument of this.#open) {
      this.#take(instrument)
      instrument.succeed(this.#request)
    }
  }

  fail(error: unknown): void {
    this.#request.error = error
    for (const instrument of this.#open) this.#end(instrument, 'fail')
  }

  abandon(instrument: Instrument): void {
    if (this.#open.includes(instrument)) this.#end(instrument, 'abandon')
  }

  /** Ends what Middy's hooks have left open. @throws what went wrong in an end that must not change the answer. */
  release({ outcome }: ReleaseEnding, request: PowertoolsRequest, signal: AbortSignal): void {
    if (this.#open.length > 0)
      runIn(this.#invocation, () => {
        if (outcome === 'threw' || outcome === 'timedOut') this.fail(request.error ?? signal.reason)
        else for (const instrument of this.#open) this.#end(instrument, 'abandon')
      })
    if (this.#problem !== undefined) throw this.#problem.error
  }

  #end(instrument: Instrument, how: 'fail' | 'abandon'): void {
    this.#take(instrument)
    try {
      instrument[how](this.#request)
    } catch (error) {
      this.#problem ??= { error }
    }
  }

  #take(instrument: Instrument): void {
    this.#open = this.#open.filter((open) => open !== instrument)
  }
}
