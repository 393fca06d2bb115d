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
  /** In the order of their starts: the last one ends first. */
  readonly #open: Instrument[] = []
  #problem: { readonly error: unknown } | undefined

  constructor({ event, context }: PowertoolsRequest) {
    this.#request = { event, context, internal: {}, response: undefined, error: undefined }
  }

  start(instruments: readonly Instrument[], instances: readonly object[]): void {
    startCold(instances, () => {
      for (const instrument of instruments) {
        this.#open.push(instrument)
        instrument.start(this.#request)
      }
    })
  }

  /** @throws what an instrument throws, `throwOnEmptyMetrics` for one; those that are still open then fail. */
  succeed(response: unknown): void {
    this.#request.response = response
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) last.succeed(this.#request)
  }

  fail(error: unknown): void {
    this.#request.error = error
    this.#endAll('fail')
  }

  abandon(instrument: Instrument): void {
    const index = this.#open.indexOf(instrument)
    if (index === -1) return
    this.#open.splice(index, 1)
    this.#end(instrument, 'abandon')
  }

  /** Ends what Middy's hooks have left open. @throws what went wrong in an end that must not change the answer. */
  release({ outcome }: ReleaseEnding, request: PowertoolsRequest, signal: AbortSignal): void {
    if (this.#open.length > 0)
      runIn(this.#invocation, () => {
        if (outcome === 'threw' || outcome === 'timedOut') this.fail(request.error ?? signal.reason)
        else this.#endAll('abandon')
      })
    if (this.#problem !== undefined) throw this.#problem.error
  }

  #endAll(how: 'fail' | 'abandon'): void {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) this.#end(last, how)
  }

  #end(instrument: Instrument, how: 'fail' | 'abandon'): void {
    try {
      instrument[how](this.#request)
    } catch (error) {
      this.#problem ??= { error }
    }
  }
}
