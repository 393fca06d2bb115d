import type { Callback, CoreConnection } from './internals.ts'
import { plainRows } from './kill.ts'

/**
 * Makes a session as good as new, and says whether it is: the server can't be told to use no database again. What was
 * prepared is lost as well, and mysql2 prepares it again.
 */
export const resetSession = async (core: CoreConnection, names: string): Promise<boolean> => {
  const { database, pool } = core.config
  await new Promise<void>((resolve, reject) => core.reset((error) => (error ? reject(error) : resolve())))
  // The database chosen and, on MySQL, the names stay lost.
  await send(core, names)
  core.config.charsetNumber = pool.config.connectionConfig.charsetNumber
  if (!database) return !(await hasDatabase(core))
  await send(core, `USE ${core.escapeId(database)}`)
  return true
}

/** Has a statement carried out whose rows nobody wants. */
export const send = (core: CoreConnection, sql: string): Promise<void> =>
  new Promise((resolve, reject) => core.query(sql, answering(resolve, reject)))

const hasDatabase = async (core: CoreConnection): Promise<boolean> => {
  const rows = await new Promise<unknown>((resolve, reject) =>
    core.query({ sql: 'SELECT DATABASE()', ...plainRows }, answering(resolve, reject)),
  )
  return (rows as [[unknown]])[0][0] !== null
}

const answering =
  <T>(resolve: (value: T) => void, reject: (reason: unknown) => void): Callback =>
  (error, result) =>
    error ? reject(error) : resolve(result as T)
