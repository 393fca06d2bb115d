import type postgres from 'postgres'
import type { PostgresConnection } from './connection.ts'
import { bindCallbacks, type Query, type QueryHandler, refuse } from './query.ts'
import { sqlOf } from './sql.ts'
import type { Transaction } from './transaction.ts'

/** What a callback of `begin()` or `savepoint()` is called with. */
export type TransactionWork = (sql: postgres.TransactionSql) => unknown

/** The `sql` of a transaction, until the transaction or its request has ended, or its connection is lost. */
export const transactionSql = (
  connection: PostgresConnection,
  transaction: Transaction,
  origin: postgres.TransactionSql,
): postgres.TransactionSql => {
  const { handler } = origin.unsafe('') as unknown as Query
  const refusal = (): Error | undefined => transaction.refusal ?? connection.loss
  const send: QueryHandler = (query) => {
    const error = refusal()
    if (error !== undefined) return refuse(query, error)
    bindCallbacks(query)
    connection.follow(query)
    handler(query)
  }
  const cancel = (query: Query): Promise<void> => connection.cancelForUser(query)
  const nested =
    (work: TransactionWork): TransactionWork =>
    (inner) =>
      work(transactionSql(connection, transaction, inner))
  const savepoint = async (
    name: string | TransactionWork | TemplateStringsArray,
    ...rest: unknown[]
  ): Promise<unknown> => {
    const error = refusal()
    if (error !== undefined) throw error
    if (typeof name === 'string') return transaction.savepoint(origin, name, nested(rest[0] as TransactionWork))
    if (typeof name === 'function') return transaction.savepoint(origin, '', nested(name))
    return transaction.savepoint(
      origin,
      '',
      nested((inner) => inner(name, ...(rest as []))),
    )
  }
  const prepare = (name: string): unknown => origin.prepare(name)
  return sqlOf(origin, { send, cancel, close: connection.close }, { savepoint, prepare }) as postgres.TransactionSql
}
