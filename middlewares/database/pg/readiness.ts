import { setImmediate as nextTurn } from 'node:timers/promises'
import { doneWithin } from '../pool/bounded.ts'
import type { ConnectionState } from '../pool/driver.ts'
import type { PgConnection } from './connection.ts'

/** Waits until nothing runs on a connection; not longer than so many milliseconds. */
export const settle = async (connection: PgConnection, patience: number): Promise<void> => {
  const end = performance.now() + patience
  for (let left = patience; connection.state === 'busy' && left > 0; left = end - performance.now()) {
    await doneWithin(left, connection.settled())
    // Who has awaited one query may send another one.
    await nextTurn()
  }
}

/** Makes the session of a connection as good as new, if that takes no longer than so many milliseconds. */
export const tryReset = async (connection: PgConnection, patience: number): Promise<void> => {
  await doneWithin(patience, connection.reset()).catch(() => {})
}

/** Why a connection can't be lent. */
export const unusableError = ({ isLost, state }: PgConnection): Error =>
  isLost
    ? new Error('Connection terminated before it could be lent')
    : new Error(`${poolUser} has left ${leftOn[state]} on its connection`)

const poolUser = 'a listener for "connect" of db.pool, or a user of its clients,'

/** How the message of an {@link unusableError} begins that is a user's fault. */
export const leftByPoolUser: RegExp = new RegExp(`^${poolUser}`)

const leftOn: Readonly<Record<ConnectionState, string>> = {
  clean: 'nothing',
  dirty: 'settings that can not be reset',
  transaction: 'a transaction open',
  busy: 'a query running',
  broken: 'what no reset undoes, such as PREPARE or LOAD,',
}
