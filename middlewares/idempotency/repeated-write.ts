import { setTimeout as wait } from 'node:timers/promises'
import { runInBackground } from '../../src/scope/background.ts'

const firstPause = 100
const longestPause = 5_000

/** A write that the store has refused, to be made again for as long as the record is ours. */
export interface RefusedWrite {
  /** What goes on in the background. */
  readonly name: string
  readonly write: () => Promise<void>
  /** Milliseconds that are left for it. */
  readonly remaining: () => number
  /** Told of the last failure when the time is up. */
  readonly report: (error: unknown) => void
}

const attempts = async ({ write, remaining, report }: RefusedWrite): Promise<void> => {
  let failure: unknown
  for (let pause = firstPause; pause < remaining(); pause = Math.min(2 * pause, longestPause)) {
    await wait(pause, undefined, { ref: false })
    try {
      return await write()
    } catch (error) {
      failure = error
    }
  }
  if (failure !== undefined) report(failure)
}

export const repeatInBackground = (refused: RefusedWrite): void => runInBackground(refused.name, attempts(refused))
