import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Runs what belongs to no request, or outlives the one that happens to start it: a fetch, a connection, credentials that
 * others wait for too. In that request's async context its logs and traces would be taken for the request's.
 */
export const outsideRequests: <R, A extends unknown[]>(work: (...args: A) => R, ...args: A) => R =
  AsyncLocalStorage.snapshot()
