import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Runs what outlives the request that happens to start it: a connection, or credentials that others wait for too. In that
 * request's async context it would end with it, and hold on to it.
 */
export const outsideRequests: <R>(work: () => R) => R = AsyncLocalStorage.snapshot()
