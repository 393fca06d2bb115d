import { clearTimeout, setTimeout } from 'node:timers'
import { longestTimer } from '../../../src/options.ts'

/** Whether `work` is done within so many milliseconds. Rejects as `work` does. */
export const doneWithin = async (milliseconds: number, work: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.min(milliseconds, longestTimer), false)
  })
  try {
    return await Promise.race([work.then(() => true), timeout])
  } finally {
    clearTimeout(timer)
  }
}
