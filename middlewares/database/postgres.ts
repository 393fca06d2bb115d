export { type PostgresConfig, type PostgresJsOptions, postgresJs } from './postgres/postgres-js.ts'
