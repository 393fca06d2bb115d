import { randomUUID } from 'node:crypto'

/** The value of one version of a secret. */
export type SecretValue = { readonly string: string } | { readonly binary: Uint8Array }

export type SecretStage = 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING' | (string & {})

export interface SecretVersion {
  readonly versionId: string
  readonly value: SecretValue
  readonly created: number
  stages: readonly SecretStage[]
}

/** The secrets of the backend, with every version they had. */
export class Secrets {
  /** How many secrets one BatchGetSecretValue answers at most before it gives a token for the rest. */
  pageSize = 20
  readonly #versions = new Map<string, SecretVersion[]>()

  /**
   * Adds a version and returns its id. The stages, by default AWSCURRENT, are taken from the version that had them; one that
   * loses AWSCURRENT becomes AWSPREVIOUS.
   */
  set(name: string, { stages = ['AWSCURRENT'], ...value }: SecretValue & { readonly stages?: SecretStage[] }): string {
    const versions = this.#versions.get(name) ?? []
    if (stages.includes('AWSCURRENT') && !stages.includes('AWSPREVIOUS')) demote(versions)
    for (const version of versions) version.stages = version.stages.filter((stage) => !stages.includes(stage))
    const versionId = randomUUID()
    this.#versions.set(name, [...versions, { versionId, value, created: Date.now() / 1000, stages }])
    return versionId
  }

  /** Ends a rotation: the new value is AWSCURRENT, the one before AWSPREVIOUS, and nothing is AWSPENDING. Returns the version's id. */
  rotate(name: string, value: SecretValue): string {
    const versions = this.#versions.get(name)
    if (versions === undefined) throw new Error(`rotate(): there is no secret "${name}" yet. Make it with set().`)
    for (const version of versions) version.stages = version.stages.filter((stage) => stage !== 'AWSPENDING')
    return this.set(name, value)
  }

  delete(name: string): void {
    this.#versions.delete(name)
  }

  /** The names of all secrets, in order. */
  get names(): string[] {
    return [...this.#versions.keys()].sort()
  }

  /** The versions of a secret, from the first to the last. */
  versionsOf(name: string): readonly SecretVersion[] | undefined {
    return this.#versions.get(name)
  }
}

const demote = (versions: readonly SecretVersion[]): void => {
  const current = versions.find(({ stages }) => stages.includes('AWSCURRENT'))
  if (current === undefined) return
  for (const version of versions) version.stages = version.stages.filter((stage) => stage !== 'AWSPREVIOUS')
  current.stages = [...current.stages, 'AWSPREVIOUS']
}
