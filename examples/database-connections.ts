import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { pgPool } from 'middy-managed-instances/database/pg'

/** One pool for each worker, 16 connections for all of them; where the server is, PGHOST and its like say. */
const accounts = pgPool({ connections: 16 })

/** Moves money between two accounts in a transaction. What is not committed when the request ends is rolled back. */
export const handler = middy<{ from: number; to: number; amount: number }, { balance: number }>(managed())
  .use(database({ db: accounts }))
  .handler(async ({ from, to, amount }, { db }) => {
    const client = await db.client()
    await client.query('BEGIN')
    const move = 'UPDATE accounts SET balance = balance + $2 WHERE id = $1 RETURNING balance'
    const paid = await client.query<{ balance: number }>(move, [from, -amount])
    const balance = paid.rows[0]?.balance
    if (balance === undefined || balance < 0) throw new RangeError(`Account ${from} has no ${amount} to give.`)
    await client.query(move, [to, amount])
    await client.query('COMMIT')
    return { balance }
  })
