import type { Socket } from 'node:net'
import type postgres from 'postgres'

/** What postgres.js has made of a configuration, with what it does not declare of that. */
export interface DriverOptions extends ParsedOptions {
  readonly socket?: (options: DriverOptions) => Socket | Promise<Socket>
  readonly shared: { readonly typeArrayMap: Record<number, number> }
}

type ParsedOptions = postgres.Sql['options']
