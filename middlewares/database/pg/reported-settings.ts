/**
 * The settings a server reports by itself as they change, whoever changes them: `search_path`, `TimeZone` and others.
 *
 * {@link https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC}
 */
export class ReportedSettings {
  readonly #initial = new Map<string, string>()
  readonly #changed = new Map<string, string>()
  #begun = false

  /** From here on the session is the requests'. */
  begin(): void {
    this.#begun = true
  }

  note(name: string, value: string): void {
    if (!this.#begun) this.#initial.set(name, value)
    else if (this.#initial.get(name) === value) this.#changed.delete(name)
    else this.#changed.set(name, value)
  }

  /** From here on the values are the session's own that it has now. */
  adopt(): void {
    for (const [name, value] of this.#changed) this.#initial.set(name, value)
    this.#changed.clear()
  }

  /** Whether any has another value than at the session's begin. */
  get changed(): boolean {
    return this.#changed.size > 0
  }
}
