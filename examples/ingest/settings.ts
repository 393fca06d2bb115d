import { ssm } from 'middy-managed-instances/parameters'
import type { Format } from './summary.ts'

/** What the function takes from the Parameter Store: one call for both, in a process with eight workers too. */
export const settings = {
  bucket: ssm('/ingest/bucket'),
  format: ssm<Format>('/ingest/format', { transform: 'json' }),
}
