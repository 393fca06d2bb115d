import { clearTimeout, setTimeout } from 'node:timers'
import { checkOptions, milliseconds, required, wholeNumber } from '../options.ts'

/** Waits until as many callers have arrived as the barrier is for; then all go on, and it starts anew. */
export type Barrier = () => Promise<void>

const rules = { parties: required(wholeNumber(1)), timeout: milliseconds }

/**
 * A meeting point that forces requests to overlap without sleeping: the first `parties - 1` callers wait for the last.
 *
 * @param parties - how many callers meet.
 * @param timeout - milliseconds after which waiting callers are rejected, since the others never came. Default 5000.
 * @throws TypeError if `parties` is not a whole number above 0, or `timeout` not a number of milliseconds.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { barrier, invokeConcurrently } from 'middy-managed-instances/testing'
 *
 * const meet = barrier(2)
 * const handler = middy(managed()).handler(async () => {
 *   await meet() // both requests are in the handler now
 * })
 * await invokeConcurrently(handler, [{}, {}])
 * ```
 */
export const barrier = (parties: number, timeout = 5_000): Barrier => {
  checkOptions('barrier()', rules, { parties, timeout })
  let waiting: PromiseWithResolvers<void>[] = []
  let timer: NodeJS.Timeout | undefined
  const open = (): PromiseWithResolvers<void>[] => {
    clearTimeout(timer)
    const released = waiting
    waiting = []
    return released
  }
  const giveUp = (): void => {
    const arrived = waiting.length
    const error = new Error(
      `barrier(${parties}): only ${arrived} callers arrived within ${timeout} ms. Run at least ${parties} of them at once.`,
    )
    for (const caller of open()) caller.reject(error)
  }
  return () => {
    const caller = Promise.withResolvers<void>()
    waiting.push(caller)
    if (waiting.length === parties) for (const { resolve } of open()) resolve()
    else if (waiting.length === 1) timer = setTimeout(giveUp, timeout)
    return caller.promise
  }
}
