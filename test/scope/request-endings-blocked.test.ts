import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { createContext } from 'middy-managed-instances/testing'

const blockUntil = (time: number): void => {
  while (performance.now() < time);
}

test('lets the early timeout answer first when the event loop was blocked until after the deadline', async () => {
  const started = performance.now()
  const stopsWhenTold = middy(managed()).handler(
    (_event, _context, { signal }) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => process.nextTick(reject, new Error('told to stop')))
      }),
  )
  const answer = stopsWhenTold({}, createContext({ timeout: 300 })).catch((error: Error) => error.name)

  // A request that opens now has the deadlines looked at before Middy's timer is due, 5 ms before the deadline.
  await sleep(270)
  const other = middy(managed()).handler(() => sleep(100))({}, createContext())
  blockUntil(started + 400)

  expect(await answer).toBe('TimeoutError')
  await other
})
