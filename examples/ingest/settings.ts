import { secret, ssm } from 'middy-managed-instances/parameters'
import type { Format } from './summary.ts'

/** What the function takes from the Parameter Store: one call for both, in a process with eight workers too. */
export const settings = {
  bucket: ssm('/ingest/bucket'),
  format: ssm<Format>('/ingest/format', { transform: 'json' }),
}

/** The database's user and password: one call for all connections of the process. */
export const login = secret<{ username: string; password: string }>('ingest/database', { transform: 'json' })

/** How many connections all workers of an environment have together. */
export const connections = 16
