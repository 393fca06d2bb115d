import type { Ending } from '../../../src/scope/scope.ts'
import { doneWithin } from './bounded.ts'
import type { PoolConnection } from './driver.ts'
import type { Leak } from './leak.ts'

/** How long a query may still take that nobody has awaited. */
const unawaitedGrace = 500
/** How long the server has for what takes one round trip. */
const roundTrip = 1_000
/** How long a cancelled query has to end; another one may have been waiting behind it. */
const cancelGrace = 150
const cancelAttempts = 3

/** When a session is made as good as new before the next request gets it. */
export type Reset = 'dirty' | 'always' | 'off'

interface Restoration {
  readonly reset: Reset
  /** A cancellation that may still be on its way: arriving late, it would end another request's query. */
  readonly cancelling: Promise<void> | undefined
  readonly onLeak: (leak: Pick<Leak, 'kind' | 'action'>) => void
}

/** Whether the request had its chance to leave things in order. */
const wasLeft = (ending: Ending | undefined): boolean => {
  switch (ending?.outcome) {
    case 'timedOut':
    case 'disconnected':
      return false
    default:
      return ending?.handlerSettled ?? true
  }
}

/** Brings a connection back to what the next request expects and puts it into the pool, or ends it. Never rejects. */
export const restore = async (
  connection: PoolConnection<unknown>,
  ending: Ending | undefined,
  { reset, cancelling, onLeak }: Restoration,
): Promise<void> => {
  const report = (kind: Leak['kind'], action: Leak['action']): void => {
    if (wasLeft(ending)) onLeak({ kind, action })
  }
  try {
    if (cancelling !== undefined && !(await doneWithin(roundTrip, cancelling))) throw new Error('It may come any time.')
    const cancelled = await settle(connection, wasLeft(ending))
    if (connection.state === 'busy') {
      report('query', 'destroyed')
      connection.checkIn('destroy')
      return
    }
    if (cancelled) report('query', 'cancelled')
    if (connection.state === 'transaction') {
      if (await doneWithin(roundTrip, connection.rollback())) report('transaction', 'rolledBack')
      else report('transaction', 'destroyed')
    }
    if (reset === 'always' || (reset === 'dirty' && connection.state === 'dirty'))
      await doneWithin(roundTrip, connection.reset())
    const usable = connection.state === 'clean' || (reset === 'off' && connection.state === 'dirty')
    connection.checkIn(usable ? 'keep' : 'destroy')
  } catch {
    connection.checkIn('destroy')
  }
}

/** Waits until nothing is running, or sees to it. Returns whether something had to be cancelled. */
const settle = async (connection: PoolConnection<unknown>, patient: boolean): Promise<boolean> => {
  if (connection.state !== 'busy') return false
  if (patient && (await doneWithin(unawaitedGrace, connection.settled()))) return false
  for (let attempt = 0; attempt < cancelAttempts && connection.state === 'busy'; attempt++) {
    // One that may arrive late would end another request's query.
    if (!(await doneWithin(roundTrip, connection.cancel()))) break
    await doneWithin(cancelGrace, connection.settled())
  }
  return true
}
