/** A value as it is stored: what `PutParameter` would be given. */
export interface ParameterValue {
  readonly value: string
  /** Default `'String'`. */
  readonly type?: 'String' | 'StringList' | 'SecureString'
  /** Default one more than the version before. */
  readonly version?: number
  /** Taken from the version that had them. */
  readonly labels?: readonly string[]
}

export interface ParameterVersion {
  readonly name: string
  readonly value: string
  readonly type: 'String' | 'StringList' | 'SecureString'
  readonly version: number
  readonly modified: number
  labels: readonly string[]
}

/** The parameters of the backend, with every version they had. */
export class Parameters {
  readonly #versions = new Map<string, Map<number, ParameterVersion>>()

  /** Adds a version and returns its number. */
  set(name: string, { value, type = 'String', version, labels = [] }: ParameterValue): number {
    const versions = this.#versions.get(name) ?? new Map<number, ParameterVersion>()
    const number = version ?? Math.max(0, ...versions.keys()) + 1
    for (const other of versions.values()) other.labels = other.labels.filter((label) => !labels.includes(label))
    versions.set(number, { name, value, type, version: number, modified: Date.now() / 1000, labels })
    this.#versions.set(name, versions)
    return number
  }

  delete(name: string): void {
    this.#versions.delete(name)
  }

  /** The names of all parameters, in order. */
  get names(): string[] {
    return [...this.#versions.keys()].sort()
  }

  has(name: string): boolean {
    return this.#versions.has(name)
  }

  /** The version with this number or label, or the latest. */
  find(name: string, selector?: string): ParameterVersion | undefined {
    const versions = this.#versions.get(name)
    if (versions === undefined) return undefined
    if (selector === undefined) return versions.get(Math.max(...versions.keys()))
    return versions.get(Number(selector)) ?? [...versions.values()].find(({ labels }) => labels.includes(selector))
  }
}
