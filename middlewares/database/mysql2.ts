export { type MysqlConfig, type MysqlPoolOptions, mysqlPool } from './mysql2/mysql-pool.ts'
export { type PoolOfOne, poolOfOne } from './mysql2/pool-of-one.ts'
