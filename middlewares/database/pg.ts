export { type PgConfig, type PgPoolOptions, pgPool } from './pg/pg-pool.ts'
export { type PoolOfOne, poolOfOne } from './pg/pool-of-one.ts'
