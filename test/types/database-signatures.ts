// Checked by the compiler, never run: what a user types has these types.
import middy from '@middy/core'
import { drizzle as drizzleMysql, type MySql2Database } from 'drizzle-orm/mysql2'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleJs, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import { type Added, managed, type Source } from 'middy-managed-instances'
import { type Database, type Db, database, type Leak, type Login, rdsIam } from 'middy-managed-instances/database'
import { type MysqlConfig, mysqlPool, poolOfOne as mysqlPoolOfOne } from 'middy-managed-instances/database/mysql2'
import { type PgConfig, type PgPoolOptions, pgPool, poolOfOne } from 'middy-managed-instances/database/pg'
import { type PostgresConfig, postgresJs } from 'middy-managed-instances/database/postgres'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { type MemoryAdapter, memoryAdapter } from 'middy-managed-instances/testing'
import type mysql from 'mysql2/promise'
import type pg from 'pg'
import type postgres from 'postgres'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectTrue = <T extends true>(): T | undefined => undefined

interface Tables {
  readonly orders: { readonly id: number }
}

const orders = pgPool({ connections: 16, config: { host: 'localhost', database: 'orders' } })
expectTrue<Equal<typeof orders, Database<pg.PoolClient, pg.Pool>>>()
const kysely = pgPool({
  connections: 16,
  map: (client) => new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) }),
})
expectTrue<Equal<typeof kysely, Database<Kysely<Tables>, pg.Pool>>>()
const withOptions: PgPoolOptions<string> = { connections: 16, map: () => 'a client' }
const strings = pgPool(withOptions)
expectTrue<Equal<typeof strings, Database<string, pg.Pool>>>()
const orm = pgPool({ connections: 16, map: (client) => drizzle({ client }) })
const redis = sharedClient({ open: async () => ({ get: (key: string) => key }), close: (client) => client.get('') })
expectTrue<Equal<typeof redis, Database<{ get: (key: string) => string }, { get: (key: string) => string }>>>()

// database<L, const K extends string = 'db'>(options: { db: Database<L>; contextKey?: K }): Added<K, Db<L>>
const byDefault = database({ db: orders })
expectTrue<Equal<typeof byDefault, Added<'db', Db<pg.PoolClient, pg.Pool>>>>()
const renamed = database({ db: orders, contextKey: 'orders' })
expectTrue<Equal<typeof renamed, Added<'orders', Db<pg.PoolClient, pg.Pool>>>>()
declare const unknownPool: Database<string>
const ofUnknownPool = database({ db: unknownPool })
expectTrue<Equal<typeof ofUnknownPool, Added<'db', Db<string>>>>()
// @ts-expect-error: a database is asked for
database({})
// @ts-expect-error: unknown
database({ db: orders, key: 'orders' })
// @ts-expect-error: what the driver has an option of its own for
pgPool({ connections: 16, config: { max: 5 } })
// @ts-expect-error: the budget is asked for
pgPool({ config: {} })

middy<{ id: number }, number>(managed())
  .use(database({ db: orders }))
  .use(database({ db: kysely, contextKey: 'kysely' }))
  .use(database({ db: orm, contextKey: 'orm' }))
  .use(database({ db: redis, contextKey: 'redis' }))
  .handler(async (event, { db, kysely, orm, redis }) => {
    const client = await db.client()
    expectTrue<Equal<typeof client, pg.PoolClient>>()
    expectTrue<Equal<Awaited<typeof db.pool>, pg.Pool>>()
    await db.release(client)
    const rows = await (await kysely.acquire()).selectFrom('orders').selectAll().execute()
    expectTrue<Equal<typeof rows, { id: number }[]>>()
    const drizzled = await orm.client()
    expectTrue<typeof drizzled extends NodePgDatabase ? true : false>()
    expectTrue<Equal<Awaited<ReturnType<typeof redis.client>>, { get: (key: string) => string }>>()
    // @ts-expect-error: not a client of this database
    await db.release('client')
    return event.id + (rows[0]?.id ?? 0)
  })

// Credentials
declare const secret: Source<{ username: string; password: string; engine: string }>
declare const password: Source<string>
for (const credentials of [
  secret,
  password,
  'password',
  { password: 'a' },
  async () => ({ username: 'a', password: 'b' }),
])
  pgPool({ connections: 16, credentials })
const iam = rdsIam({ hostname: 'a', username: 'b' })
expectTrue<Equal<typeof iam, Source<Login>>>()
pgPool({ connections: 16, credentials: iam, onLeak: ({ kind, stack }: Leak) => void [kind, stack] })
// @ts-expect-error: no password
pgPool({ connections: 16, credentials: { username: 'a' } })
const config: PgConfig = { ssl: { ca: 'a' }, statement_timeout: 1_000 }
void config

// mysql2
const accounts = mysqlPool({
  connections: 16,
  config: { host: 'localhost', database: 'accounts' },
  credentials: secret,
})
expectTrue<Equal<typeof accounts, Database<mysql.PoolConnection, mysql.Pool>>>()
const mysqlKysely = mysqlPool({
  connections: 16,
  map: (client) => new Kysely<Tables>({ dialect: new MysqlDialect({ pool: mysqlPoolOfOne(client) }) }),
})
expectTrue<Equal<typeof mysqlKysely, Database<Kysely<Tables>, mysql.Pool>>>()
const mysqlOrm = mysqlPool({ connections: 16, map: (client) => drizzleMysql({ client }) })
expectTrue<typeof mysqlOrm extends Database<MySql2Database, mysql.Pool> ? true : false>()
const mysqlConfig: MysqlConfig = { ssl: 'Amazon RDS', charset: 'utf8mb4', namedPlaceholders: true }
void mysqlConfig
// @ts-expect-error: what the driver has an option of its own for
mysqlPool({ connections: 16, config: { connectionLimit: 5 } })
// @ts-expect-error: the adapter resets what has to be
mysqlPool({ connections: 16, config: { resetOnRelease: true } })
middy<{ id: number }, number>(managed())
  .use(database({ db: accounts }))
  .handler(async ({ id }, { db }) => {
    const client = await db.client()
    const [rows] = await client.execute<mysql.RowDataPacket[]>('SELECT * FROM accounts WHERE id = ?', [id])
    await client.beginTransaction()
    await client.rollback()
    return rows.length
  })

// postgres.js and a database without a server
const shared = postgresJs({ connections: 16, config: { host: 'localhost', database: 'orders' }, credentials: secret })
expectTrue<Equal<typeof shared, Database<postgres.Sql, postgres.Sql>>>()
const sharedOrm = postgresJs({ connections: 16, map: (client) => drizzleJs({ client }) })
expectTrue<typeof sharedOrm extends Database<PostgresJsDatabase, postgres.Sql> ? true : false>()
// @ts-expect-error: what the driver has an option of its own for
const wrongConfig: PostgresConfig = { max: 5 }
void wrongConfig
const memory = memoryAdapter({ client: () => ({ query: async (text: string) => text.length }), connections: 2 })
expectTrue<Equal<typeof memory, MemoryAdapter<{ query: (text: string) => Promise<number> }>>>()
// @ts-expect-error: a client is asked for
memoryAdapter({ connections: 2 })
middy<object, number>(managed())
  .use(database({ db: shared }))
  .use(database({ db: memory, contextKey: 'memory' }))
  .handler(async (_event, { db, memory }) => {
    const sql = await db.client()
    const rows = await sql<{ id: number }[]>`SELECT ${1}::int AS id`
    return (rows[0]?.id ?? 0) + (await (await memory.client()).query('SELECT 1'))
  })
