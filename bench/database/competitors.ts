import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { mysqlPool } from 'middy-managed-instances/database/mysql2'
import { pgPool } from 'middy-managed-instances/database/pg'
import mysql from 'mysql2/promise'
import pg from 'pg'

export type Competitor =
  | 'database'
  | 'database, reset always'
  | 'pg.Pool by hand'
  | 'pg.Client per request'
  | 'database on mysql2'
  | 'mysql2 pool by hand'

export type Handler = (event: unknown, context: object) => Promise<unknown>

/** Where the server is. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

/** The same for everybody. */
const connections = 8

/** What the user does, the same for everybody. */
const use = async (client: pg.ClientBase): Promise<unknown> => (await client.query('SELECT 1')).rows

const onOurs = (config: Server, reset: 'dirty' | 'always'): Handler => {
  const db = pgPool({ connections, config, reset })
  return middy(managed())
    .use(database({ db }))
    .handler(async (_event, { db }) => use(await db.client())) as unknown as Handler
}

/** As the guide of node-postgres has it, and none of what makes it safe. */
const byHand = (config: Server): Handler => {
  const pool = new pg.Pool({ ...config, max: connections, allowExitOnIdle: true })
  return middy(managed()).handler(async () => {
    const client = await pool.connect()
    try {
      return await use(client)
    } finally {
      client.release()
    }
  }) as unknown as Handler
}

const perRequest = (config: Server): Handler =>
  middy(managed()).handler(async () => {
    const client = new pg.Client({ ...config })
    await client.connect()
    try {
      return await use(client)
    } finally {
      await client.end()
    }
  }) as unknown as Handler

const askMysql = async (connection: mysql.PoolConnection): Promise<unknown> => (await connection.query('SELECT 1'))[0]

const onOursWithMysql = (config: Server): Handler =>
  middy(managed())
    .use(database({ db: mysqlPool({ connections, config }) }))
    .handler(async (_event, { db }) => askMysql(await db.client())) as unknown as Handler

const mysqlByHand = (config: Server): Handler => {
  const pool = mysql.createPool({ ...config, connectionLimit: connections })
  return middy(managed()).handler(async () => {
    const connection = await pool.getConnection()
    try {
      return await askMysql(connection)
    } finally {
      connection.release()
    }
  }) as unknown as Handler
}

/** Makes a handler whose every request has a client and asks one question. */
export const makeHandler = (competitor: Competitor, server: Server): Handler => {
  switch (competitor) {
    case 'database':
      return onOurs(server, 'dirty')
    case 'database, reset always':
      return onOurs(server, 'always')
    case 'pg.Pool by hand':
      return byHand(server)
    case 'pg.Client per request':
      return perRequest(server)
    case 'database on mysql2':
      return onOursWithMysql(server)
    case 'mysql2 pool by hand':
      return mysqlByHand(server)
    default:
      return competitor satisfies never
  }
}
