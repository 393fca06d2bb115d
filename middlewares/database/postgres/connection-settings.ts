import type postgres from 'postgres'
import type { CredentialStore } from '../credentials.ts'
import type { ArrayTypes } from './array-types.ts'
import type { DriverOptions } from './driver-options.ts'
import type { Hosts } from './hosts.ts'

/** What every connection of one worker is opened with. */
export interface ConnectionSettings {
  readonly name: string
  readonly driver: typeof postgres
  /** What postgres.js has made of the configuration: all connections share its types. */
  readonly options: DriverOptions
  readonly hosts: Hosts
  readonly arrayTypes: ArrayTypes
  readonly credentials: CredentialStore | undefined
  /** Milliseconds that a connection is used before it is replaced; each has its own share of it. */
  readonly maxLifetime: number
  /** Whether to note what queries leave in the session. */
  readonly traces: boolean
}
