import type { CloseOptions } from '../../../src/database-adapter.ts'
import { checkOptions, type Rules } from '../../../src/options.ts'
import { doneWithin } from './bounded.ts'
import type { PoolConnection } from './driver.ts'

/** Milliseconds a close has that is given no deadline. */
const closeBound = 1_000
/** The last milliseconds go to ending what the server still runs. */
const cancelBound = 50

const rules: Rules<CloseOptions> = {
  deadline: {
    expected: 'a time in milliseconds since the epoch',
    accepts: (value) => typeof value === 'number' && !Number.isNaN(value),
  },
}

/** When `close()` gives up. @throws TypeError for an unknown option or one of the wrong type. */
export const deadlineOf = (name: string, options: CloseOptions | undefined): number =>
  checkOptions(`${name} close()`, rules, options).deadline ?? Date.now() + closeBound

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
