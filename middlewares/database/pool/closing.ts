import { doneWithin } from './bounded.ts'
import type { PoolConnection } from './driver.ts'

/** Milliseconds a close has that is given no deadline. */
export const closeBound = 1_000
/** The last milliseconds go to ending what the server still runs. */
const cancelBound = 50

interface Closing extends Pick<PoolConnection<unknown>, 'state' | 'cancel'> {
  destroy(): void
}

/** Waits until the deadline for connections that have been told to end, and breaks off those that are still open. */
export const closeConnections = async (
  open: ReadonlySet<Closing>,
  ended: Promise<unknown>,
  deadline: number,
): Promise<void> => {
  if (await doneWithin(Math.max(0, deadline - cancelBound - Date.now()), ended)) return
  const busy = [...open].filter(({ state }) => state === 'busy')
  await doneWithin(cancelBound, Promise.allSettled(busy.map((connection) => connection.cancel())))
  for (const connection of open) connection.destroy()
}
