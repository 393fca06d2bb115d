import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type Database, type Db, database } from 'middy-managed-instances/database'
import { type PostgresJsOptions, postgresJs } from 'middy-managed-instances/database/postgres'
import type postgres from 'postgres'
import type { TestServer } from '../../support/server.ts'

export type SharedOptions = Partial<PostgresJsOptions>

/** What connections to a server are configured with, so that it counts them as a pool's. */
export const configOf = (server: TestServer): NonNullable<PostgresJsOptions['config']> => {
  const { application_name, ...address } = { application_name: 'pool-under-test', ...server.config }
  return { ...address, connection: { application_name }, onnotice: () => {} }
}

/** A database that is closed when its test ends. */
export const sharedOn = (
  server: TestServer,
  { config, ...rest }: SharedOptions = {},
): Database<postgres.Sql, postgres.Sql> =>
  server.own(postgresJs({ connections: 4, ...rest, config: { ...configOf(server), ...config } }))

type Work<R> = (
  sql: postgres.Sql,
  context: Context & { readonly signal: AbortSignal; readonly db: Db<postgres.Sql, postgres.Sql> },
) => R

/** A handler that does `work` with its `sql`. */
export const handlerWith = <R>(
  db: Database<postgres.Sql, postgres.Sql>,
  work: Work<R>,
): ((event: unknown, context: Context) => Promise<Awaited<R>>) =>
  middy<unknown>(managed())
    .use(database({ db }))
    .handler(async (_event, context) => await work(await context.db.client(), context)) as unknown as (
    event: unknown,
    context: Context,
  ) => Promise<Awaited<R>>
