import { logLine } from '../../../src/log.ts'
import type { Outcome } from '../../../src/scope/scope.ts'

/** Something a request left behind on its client; the next request sees nothing of it. */
export interface Leak {
  /** The adapter's name. */
  readonly database: string
  /** An open transaction, or a query or cursor that did not end by itself. */
  readonly kind: 'transaction' | 'query'
  /** What was done about it. */
  readonly action: 'rolledBack' | 'cancelled' | 'destroyed'
  /** How the request ended; `undefined` if it went on and gave the client back itself. */
  readonly outcome: Outcome | undefined
  /** Where the client was asked for, if `stacks` is set. */
  readonly stack: string | undefined
}

const found = { transaction: 'left a transaction open', query: 'left a query or cursor running' }
const done = {
  rolledBack: 'it was rolled back',
  cancelled: 'it was cancelled',
  destroyed: 'its connection was destroyed',
}

/** Writes one structured line by `console.warn`. */
export const logLeak = ({ database, kind, action, outcome, stack }: Leak): void => {
  const remedy = stack === undefined ? ' Set stacks: true to learn where the client was asked for.' : ''
  logLine('WARN', {
    code: 'LEASE_LEAK',
    message: `${database}: a request ${found[kind]}, and ${done[action]}. Await every query, and COMMIT or ROLLBACK before the end.${remedy}`,
    database,
    kind,
    action,
    outcome,
    stack,
  })
}
