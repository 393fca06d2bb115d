import { execFileSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import type { Database } from 'middy-managed-instances/database'
import { invoke } from 'middy-managed-instances/testing'
import type { PoolConnection } from 'mysql2/promise'
import type pg from 'pg'
import type postgres from 'postgres'
import { handlerWith, sharedOn } from './postgres/support/shared.ts'
import { mysqlServer, onMariaDb } from './support/mysql-server.ts'
import { handlerOf, testServer, untilIdle } from './support/server.ts'

const server = testServer()
const silent = { connections: 1, onError: () => {} }

/** Ends a session of the server while nobody here can hear of it, as in an environment that is frozen. */
const endUnheard = (pid: number): void => {
  const start = performance.now()
  process.kill(pid)
  for (let lives = true; lives || performance.now() - start < 20; ) {
    try {
      process.kill(pid, 0)
      if (performance.now() - start > 10_000) throw new Error('It does not end.')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      lives = false
    }
  }
}

describe('a connection that was lost before anything could be heard of it is lent to nobody', () => {
  const ask = (db: Database<pg.PoolClient>): Promise<number> =>
    invoke(
      handlerOf(db, async (db) => (await (await db.client()).query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
      undefined,
    )

  test('by pgPool() that has just taken it back', async () => {
    const db = server.pool(silent)
    const pid = await ask(db)
    endUnheard(pid)
    expect(await ask(db)).not.toBe(pid)
  })

  test('by pgPool() with it in the pool', async () => {
    const db = server.pool(silent)
    const pid = await ask(db)
    await untilIdle(db, 1)
    endUnheard(pid)
    expect(await ask(db)).not.toBe(pid)
  })

  test('by pgPool() that others have given it back to', async () => {
    const db = server.pool(silent)
    const { rows } = await (await db.pool).query('SELECT pg_backend_pid() AS pid')
    await untilIdle(db, 1)
    // It has been idle for a while.
    await wait(150)
    endUnheard(rows[0].pid)
    expect(await ask(db)).not.toBe(rows[0].pid)
  })

  test('by postgresJs()', async () => {
    const db = sharedOn(server, silent)
    const askShared = (): Promise<postgres.RowList<{ pid: number }[]>> =>
      invoke(
        handlerWith(db, (sql) => sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`),
        undefined,
      )
    const [{ pid } = { pid: 0 }] = await askShared()
    endUnheard(pid)
    expect((await askShared())[0]?.pid).not.toBe(pid)
  })
})

onMariaDb('a connection that was lost before anything could be heard of it is lent to nobody', () => {
  const mysql = mysqlServer()
  const ask = (db: Database<PoolConnection>): Promise<number> =>
    invoke(
      handlerOf(db, async (db) => {
        const client = await db.client()
        await client.query('SELECT 1')
        return client.threadId
      }),
      undefined,
    )

  /** Asks the server while nobody here can hear of it, over connections of another process. */
  const askUnheard = (sql: string): string => {
    const script = `
      const connection = await (await import('mysql2/promise')).createConnection(${JSON.stringify({
        socketPath: mysql.mariadb.socketPath,
        user: 'root',
        rowsAsArray: true,
      })})
      process.stdout.write(JSON.stringify((await connection.query(${JSON.stringify(sql)}))[0]))
      await connection.end()`
    return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  }
  const killUnheard = (id: number): void => {
    askUnheard(`KILL ${id}`)
    const start = performance.now()
    while (askUnheard(`SELECT 1 FROM information_schema.processlist WHERE id = ${id}`) !== '[]')
      if (performance.now() - start > 10_000) throw new Error('It does not end.')
  }

  test('by mysqlPool()', async () => {
    const db = mysql.pool(silent)
    const id = await ask(db)
    killUnheard(id)
    expect(await ask(db)).not.toBe(id)
  })

  test('by mysqlPool() that others have given it back to', async () => {
    const db = mysql.pool(silent)
    const connection = await (await db.pool).getConnection()
    const { threadId } = connection
    connection.release()
    killUnheard(threadId)
    expect(await ask(db)).not.toBe(threadId)
  })
})
