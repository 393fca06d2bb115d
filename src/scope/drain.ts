import { setTimeout } from 'node:timers/promises'
import type { Shutdown } from '../runtime/shutdown.ts'
import { backgroundNames } from './background.ts'
import { openScopes } from './request-scope.ts'

const pollInterval = 5

/**
 * Ends the requests of a worker before the environment does: half the time is theirs to answer, then their signals
 * abort, and in the last quarter whatever is still open is released.
 */
export const drainScopes = async ({ deadline }: Shutdown): Promise<void> => {
  const quarter = Math.max(0, (deadline - Date.now()) / 4)
  await until(() => openScopes.all().length === 0, deadline - 2 * quarter)
  for (const scope of openScopes.all()) scope.interrupt('timedOut')
  await until(() => openScopes.all().length === 0, deadline - quarter)
  for (const scope of openScopes.all()) scope.expire()
  await until(() => backgroundNames().length === 0, deadline)
}

const until = async (done: () => boolean, time: number): Promise<void> => {
  while (!done() && Date.now() < time) await setTimeout(pollInterval)
}
