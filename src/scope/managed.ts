import { type default as middy, middyValidateOptions } from '@middy/core'
import { executionModeStandard } from '@middy/core/Standard'
import type { ReleaseError } from '../errors.ts'
import { aFunction, checkObject, checkOptions, milliseconds } from '../options.ts'
import { decorate, type ExecutionMode } from './decorate.ts'
import { endWithEnvironment } from './drainable.ts'
import { defaultPolicy, type ReleasePolicy } from './release-stack.ts'

/** What `managed()` takes beside Middy's own plugin options. */
export interface ManagedOptions {
  /** Bound of one release, in milliseconds. @defaultValue 1000 */
  releaseTimeout?: number
  /** Milliseconds before the deadline that releases leave free, so that the answer is not late. @defaultValue 50 */
  reserve?: number
  /** Told of every release that failed or took too long. @defaultValue one structured line by `console.error` */
  onReleaseError?: (error: ReleaseError) => void
}

const rules = { releaseTimeout: milliseconds, reserve: milliseconds, onReleaseError: aFunction }

/** The mode each decorated one stands for, and how it releases: `managed(managed())` is one scope. */
const decorations = new WeakMap<ExecutionMode, { readonly mode: ExecutionMode; readonly policy: ReleasePolicy }>()

/**
 * Gives every request of a handler a scope that ends with it, whichever way it ends: pass it to `middy()`.
 *
 * It takes Middy's plugin options (hooks, early timeout, execution mode: standard, streaming, durable or your own) and
 * returns them with the execution mode decorated. The same handler works on Managed Instances, on classic Lambda and in
 * a unit test. One result may serve several handlers.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { workspace } from 'middy-managed-instances/workspace'
 *
 * export const handler = middy(managed())
 *   .use(workspace())
 *   .handler(async (event, { workspace }) => {
 *     await workspace.write('event.json', JSON.stringify(event))
 *   })
 * ```
 */
export const managed = (config?: middy.PluginObject & ManagedOptions): middy.PluginObject => {
  const { releaseTimeout, reserve, onReleaseError, executionMode, ...plugin } = checkObject('managed()', config)
  checkOptions('managed()', rules, { releaseTimeout, reserve, onReleaseError })
  middyValidateOptions(executionMode === undefined ? plugin : { ...plugin, executionMode })
  const given = (executionMode ?? executionModeStandard) as unknown as ExecutionMode
  const decoration = decorations.get(given)
  const mode = decoration?.mode ?? given
  const inherited = decoration?.policy ?? defaultPolicy
  const policy = {
    releaseTimeout: releaseTimeout ?? inherited.releaseTimeout,
    reserve: reserve ?? inherited.reserve,
    onReleaseError: onReleaseError ?? inherited.onReleaseError,
  }
  const decorated = decorate(mode, policy)
  endWithEnvironment()
  decorations.set(decorated, { mode, policy })
  return { ...plugin, executionMode: decorated as unknown as NonNullable<middy.PluginObject['executionMode']> }
}
