import type { Ending } from '../../../src/scope/scope.ts'
import { doneWithin } from './bounded.ts'
import type { PoolConnection } from './driver.ts'
import type { Leak } from './leak.ts'

/** How long a query may still take that nobody has awaited. */
const unawaitedGrace = 400
/** How long the server has for what takes one round trip. */
const roundTrip = 1_000
/** How long a cancelled query has to end; another one may have been waiting behind it. */
const cancelGrace = 100
const cancelAttempts = 3

/** When a session is made as good as new before the next request gets it. */
export type Reset = 'dirty' | 'always' | 'off'

interface Restoration {
  readonly reset: Reset
  /** A cancellation that may still be on its way. */
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

/** Brings a connection back to what the next request expects, and says whether that can have it. Never rejects. */
export const restore = async (
  connection: PoolConnection<unknown>,
  ending: Ending | undefined,
  { reset, cancelling, onLeak }: Restoration,
): Promise<'keep' | 'destroy'> => {
  const patient = wasLeft(ending)
  let left: Leak['kind'] | undefined
  let action: Leak['action'] = 'destroyed'
  let fate: 'keep' | 'destroy' = 'destroy'
  try {
    if (cancelling !== undefined) {
      await inTime(cancelling)
      await doneWithin(cancelGrace, connection.settled())
    }
    if (connection.state === 'busy' && !(patient && (await doneWithin(unawaitedGrace, connection.settled())))) {
      left = 'query'
      await stop(connection)
      action = 'cancelled'
    }
    if (connection.state === 'transaction') {
      left = 'transaction'
      await inTime(connection.rollback())
      action = 'rolledBack'
    }
    if (needsReset(connection, reset)) await inTime(connection.reset())
    const usable = connection.state === 'clean' || (reset === 'off' && connection.state === 'dirty')
    if (usable) fate = 'keep'
  } catch {
    action = 'destroyed'
  }
  if (left !== undefined && patient) onLeak({ kind: left, action })
  return fate
}

/** A broken one has nothing left to reset: a driver that connects again by itself would do so for that. */
const needsReset = ({ state }: PoolConnection<unknown>, reset: Reset): boolean =>
  reset === 'always' ? state !== 'broken' : reset === 'dirty' && state === 'dirty'

/** Ends what is running, and what is queued behind it. */
const stop = async (connection: PoolConnection<unknown>): Promise<void> => {
  for (let attempt = 0; attempt < cancelAttempts && connection.state === 'busy'; attempt++) {
    await inTime(connection.cancel())
    await doneWithin(cancelGrace, connection.settled())
  }
  if (connection.state === 'busy') throw new Error('It does not end.')
}

/** @throws if it takes too long: what comes late would meet the next request, so that the connection can't be kept. */
const inTime = async (work: Promise<unknown>): Promise<void> => {
  if (!(await doneWithin(roundTrip, work))) throw new Error(`It takes longer than ${roundTrip} ms.`)
}
