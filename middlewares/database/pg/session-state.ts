import { ReportedSettings } from './reported-settings.ts'
import { type Trace, traceOf } from './session.ts'

/** What requests have left in the session of one connection. */
export class SessionState {
  readonly settings: ReportedSettings = new ReportedSettings()
  readonly #traces: boolean
  #trace: Trace = 'none'
  #isAdopted = false

  /** @param traces - whether to go by the words of queries, beside the settings the server reports. */
  constructor(traces: boolean) {
    this.#traces = traces
  }

  /** `dirty` if it is as good as new after a reset, `broken` if nothing helps. */
  get value(): 'clean' | 'dirty' | 'broken' {
    if (this.#trace === 'lasting') return 'broken'
    if (this.#trace === 'none' && !this.settings.changed) return 'clean'
    return this.#isAdopted ? 'broken' : 'dirty'
  }

  /** Notes what a query may leave; all it can, if it does not show its text. */
  note(text: unknown): void {
    if (this.#traces && this.#trace !== 'lasting') this.leave(typeof text === 'string' ? traceOf(text) : 'resettable')
  }

  leave(trace: Trace): void {
    if (this.#trace === 'none' || trace === 'lasting') this.#trace = trace
  }

  /** Takes what was set until now for how every request is to have it, which no reset brings back. */
  adopt(): void {
    if (this.value !== 'dirty') return
    this.#isAdopted = this.#traces
    this.#trace = 'none'
    this.settings.adopt()
  }

  wasReset(): void {
    this.#trace = this.#isAdopted ? 'lasting' : 'none'
  }
}
