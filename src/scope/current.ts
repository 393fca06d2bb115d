import { AsyncLocalStorage } from 'node:async_hooks'
import { openScopes, type RequestLike, type RequestScope } from './request-scope.ts'
import type { Scope } from './scope.ts'

export const storage: AsyncLocalStorage<RequestScope> = new AsyncLocalStorage()

/** The scope `managed()` opened for exactly the request whose hook is running, not for one around it. */
export const managedScopeOf = (request: object): RequestScope | undefined => {
  const current = storage.getStore()
  return current?.request === request ? current : undefined
}

/**
 * The scope of the request that is running here, also in whatever it started; `undefined` outside `middy(managed())`.
 *
 * @example
 * ```ts
 * import { currentScope } from 'middy-managed-instances'
 *
 * export const remaining = (): number => (currentScope()?.deadline ?? Infinity) - Date.now()
 * ```
 */
export const currentScope = (): Scope | undefined => storage.getStore()

/**
 * The scope of a Middy request, for a middleware's hooks; `undefined` for one that is
 * not under `managed()` and has none of our middlewares.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed, scopeOf } from 'middy-managed-instances'
 *
 * export const handler = middy(managed())
 *   .before((request) => {
 *     const started = performance.now()
 *     scopeOf(request)?.defer('timing', ({ outcome }) => console.log(outcome, performance.now() - started))
 *   })
 *   .handler(async () => 'done')
 * ```
 */
export const scopeOf = (request: RequestLike): Scope | undefined =>
  managedScopeOf(request) ?? openScopes.all().find((scope) => scope.request === request)
