import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { pgPool } from 'middy-managed-instances/database/pg'
import pg from 'pg'

export type Competitor = 'database' | 'database, reset always' | 'pg.Pool by hand' | 'pg.Client per request'

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
    default:
      return competitor satisfies never
  }
}
