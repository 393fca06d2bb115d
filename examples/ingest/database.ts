import { pgPool } from 'middy-managed-instances/database/pg'
import { connections, login } from './settings.ts'

/** One pool for each worker, within one budget for the environment; where the server is, PGHOST and its like say. */
export const uploads = pgPool({ connections, credentials: login })
