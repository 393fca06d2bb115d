export { type PgConfig, type PgPoolOptions, pgPool } from './pg/pg-pool.ts'
