import { expect, test } from '@jest/globals'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type { Connection, PrepareStatementInfo } from 'mysql2'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { handlerOf } from '../support/server.ts'

type Run = (client: PoolConnection, sql: string) => Promise<unknown>

const forms: [string, Run][] = [
  [
    'by promises',
    async (client, sql) => {
      const statement = await client.prepare(sql)
      await statement.execute([])
      await statement.close()
    },
  ],
  [
    'by callbacks',
    (client, sql) =>
      onStatement(client, sql, (statement, resolve, reject) =>
        statement.execute([], (error: Error | null) => (error ? reject(error) : resolve())),
      ),
  ],
  [
    'by events',
    (client, sql) =>
      onStatement(client, sql, (statement, resolve, reject) =>
        (statement.execute([]) as unknown as NodeJS.EventEmitter).on('error', reject).on('end', resolve),
      ),
  ],
]

type Use = (statement: PrepareStatementInfo, resolve: () => void, reject: (error: Error) => void) => void

const onStatement = (client: PoolConnection, sql: string, use: Use): Promise<void> =>
  new Promise((resolve, reject) => {
    const core = client.connection as unknown as Connection
    core.prepare(sql, (error, statement) => (error ? reject(error) : use(statement, resolve, reject)))
  })

onMariaDb('what a prepared statement leaves in its session', () => {
  const server = mysqlServer()
  const request = <R>(db: ReturnType<typeof server.pool>, work: (client: PoolConnection) => Promise<R>): Promise<R> =>
    invoke(
      handlerOf(db, async (db) => work(await db.client())),
      undefined,
    ) as Promise<R>
  const look = async (client: PoolConnection): Promise<unknown> =>
    (await client.query<RowDataPacket[]>("SELECT @trace AS trace, IS_USED_LOCK('p') AS held, DATABASE() AS db"))[0][0]

  test.each(forms)('%s is gone before the next request, and the connection is kept', async (_name, run) => {
    const db = server.pool({ connections: 1 })
    const before = await request(db, async ({ threadId }) => threadId)
    for (const sql of ["SET @trace = 'left'", "SELECT GET_LOCK('p', 0)", 'USE mysql']) {
      await request(db, (client) => run(client, sql))
      expect(await request(db, look)).toEqual({ trace: null, held: null, db: 'tests' })
    }
    await request(db, (client) => run(client, 'CREATE TEMPORARY TABLE scratch (id int)'))
    await expect(request(db, (client) => client.query('SELECT * FROM scratch'))).rejects.toMatchObject({
      code: 'ER_NO_SUCH_TABLE',
    })
    expect(await request(db, async ({ threadId }) => threadId)).toBe(before)
  })

  test('is not looked for where nothing is left', async () => {
    const db = server.pool({ connections: 1 })
    const before = await server.ask("SHOW GLOBAL STATUS LIKE 'Com_set_option'")
    await request(db, async (client) => {
      const statement = await client.prepare('SELECT ? + 0 AS a')
      await statement.execute([1])
      await statement.close()
    })
    await expectNoLeaks()
    expect(await server.ask("SHOW GLOBAL STATUS LIKE 'Com_set_option'")).toEqual(before)
  })
})
