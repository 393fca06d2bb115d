/** What a configuration is found by: the ids or names its reader gives. */
export interface ConfigurationAddress {
  readonly application: string
  readonly environment: string
  readonly profile: string
}

/** What is deployed to an environment. */
export interface Configuration {
  readonly content: string | Uint8Array
  /** Default `application/json`. */
  readonly contentType?: string
  readonly versionLabel?: string
  /** How many seconds have to pass between two polls; by default what the session asked for, else none have to. */
  readonly pollInterval?: number
}

/** The configurations of the backend. */
export class Configurations {
  readonly #deployed = new Map<string, Configuration>()

  /** Deploys a configuration: every session gets it with its next poll. */
  set(address: ConfigurationAddress, configuration: Configuration): void {
    this.#deployed.set(keyOf(address), { ...configuration })
  }

  delete(address: ConfigurationAddress): void {
    this.#deployed.delete(keyOf(address))
  }

  /** What is deployed now: another object after each deployment. */
  find(address: ConfigurationAddress): Configuration | undefined {
    return this.#deployed.get(keyOf(address))
  }
}

const keyOf = ({ application, environment, profile }: ConfigurationAddress): string =>
  JSON.stringify([application, environment, profile])
