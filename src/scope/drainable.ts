import type { Drainable } from '../runtime/preload.ts'
import { shutdownRegistry } from '../runtime/shutdown.ts'
import { backgroundNames } from './background.ts'
import { openScopes } from './request-scope.ts'

const drainable: Drainable = {
  openRequests: () => openScopes.all(),
  hasBackgroundWork: () => backgroundNames().length > 0,
}

/** Has a shutdown end the requests of this thread. */
export const endWithEnvironment = (): void => {
  shutdownRegistry()?.drainables.add(drainable)
}
