import type { ReleaseEnding } from '../../src/scope/scope.ts'
import type { Instrument } from './instruments/instrument.ts'
import type { OfficialRequest } from './official.ts'
import type { RecordedResources } from './recorded-resources.ts'
import { currentInvocation, type Invocation, runIn } from './tracing/invocation.ts'

/** The part of Middy's request that is read here. */
export interface PowertoolsRequest {
  readonly event: unknown
  readonly context: unknown
  readonly response: unknown
  readonly error: unknown
  readonly internal: object
}

type End = 'succeed' | 'fail' | 'abandon'

/**
 * The utilities around one request: each is ended once, by whoever comes first. With resources to record that is the
 * release, which the releases of the resources come before; what Middy's hooks say is kept until then.
 */
export class RequestInstruments {
  readonly #request: OfficialRequest
  readonly #resources: RecordedResources | undefined
  readonly #invocation: Invocation | undefined = currentInvocation()
  /** In the order of their starts: the last one ends first. */
  readonly #open: Instrument[] = []
  /** How the instruments are to end, as far as Middy's hooks have said so. */
  #end: End | undefined
  #problem: { readonly error: unknown } | undefined

  constructor({ event, context }: PowertoolsRequest, resources: RecordedResources | undefined) {
    this.#request = { event, context, internal: {}, response: undefined, error: undefined }
    this.#resources = resources
  }

  start(instruments: readonly Instrument[]): void {
    for (const instrument of instruments) {
      this.#open.push(instrument)
      instrument.start(this.#request)
    }
  }

  /** @throws what an instrument throws, `throwOnEmptyMetrics` for one; those that are still open then fail. */
  succeed(response: unknown): void {
    this.#request.response = response
    if (this.#resources === undefined)
      for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) last.succeed(this.#request)
    else {
      for (const instrument of this.#open) instrument.check?.()
      this.#end = 'succeed'
    }
  }

  fail(error: unknown): void {
    this.#request.error = error
    this.#end = 'fail'
    if (this.#resources === undefined) this.#closeAll('fail')
  }

  abandon(instrument: Instrument): void {
    const index = this.#open.indexOf(instrument)
    if (index === -1) return
    this.#open.splice(index, 1)
    this.#close(instrument, 'abandon')
  }

  /** Ends what is still open. @throws what went wrong in an end that must not change the answer. */
  release({ outcome }: ReleaseEnding, request: PowertoolsRequest, signal: AbortSignal): void {
    if (this.#open.length > 0)
      runIn(this.#invocation, () => {
        if (this.#end === undefined && (outcome === 'threw' || outcome === 'timedOut'))
          this.fail(request.error ?? signal.reason)
        this.#closeAll(this.#end ?? 'abandon')
      })
    if (this.#problem !== undefined) throw this.#problem.error
  }

  #closeAll(how: End): void {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) this.#close(last, how)
  }

  #close(instrument: Instrument, how: End): void {
    for (const metric of this.#resources?.totals ?? []) this.#attempt(() => instrument.add?.(metric, this.#request))
    this.#attempt(() => instrument[how](this.#request))
  }

  #attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#problem ??= { error }
    }
  }
}
