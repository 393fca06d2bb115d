import { setTimeout } from 'node:timers/promises'
import { lendersWithClients } from '../lent-clients.ts'
import { backgroundNames } from '../scope/background.ts'
import { openScopes } from '../scope/request-scope.ts'

const pollInterval = 5

/**
 * Fails if anything of a request is still there: an open scope, what is deferred to it (workspaces, leases), a client
 * that a database has lent and not got back, or a deletion in the background. Things that are just ending get a moment to do so. For `afterEach`.
 *
 * @param within - milliseconds to wait for what is just ending. Default 1000.
 * @throws Error that lists every leak.
 *
 * @example
 * ```ts
 * import { expectNoLeaks } from 'middy-managed-instances/testing'
 *
 * export const afterEachTest = () => expectNoLeaks()
 * ```
 */
export const expectNoLeaks = async (within = 1_000): Promise<void> => {
  const end = performance.now() + within
  let leaks = findLeaks()
  while (leaks.length > 0 && performance.now() < end) {
    await setTimeout(pollInterval)
    leaks = findLeaks()
  }
  if (leaks.length > 0)
    throw new Error(
      `expectNoLeaks(): ${leaks.length} still there after ${within} ms:\n${leaks.map((leak) => `  - ${leak}`).join('\n')}\n` +
        'Await every invocation of the test, and give its requests a short timeout if they are meant to hang.',
    )
}

const findLeaks = (): string[] => [
  ...openScopes.all().map(({ requestId, pending }) => {
    const held = pending.length === 0 ? 'nothing deferred' : `holding ${pending.join(', ')}`
    return `the scope of request ${requestId ?? 'without an id'} is open, ${held}`
  }),
  ...lendersWithClients().map(
    ({ name, lent }) => `${lent} ${lent === 1 ? 'client' : 'clients'} of ${name} not given back`,
  ),
  ...backgroundNames().map((name) => `${name} goes on in the background`),
]
