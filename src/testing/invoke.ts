import type { Context } from 'aws-lambda'
import { checkOptions, milliseconds, type Rules, wholeNumber } from '../options.ts'
import { createContext } from './context.ts'
import { runInInvokeStore } from './invoke-store.ts'

/** A handler as a test calls it: the middlewares' additions to the context are theirs to make. */
// biome-ignore lint/suspicious/noExplicitAny: a middy handler asks for a context with additions that its own middlewares make
export type TestedHandler<E, R> = (event: E, context: any) => Promise<R>

/** How one request of a test is sent. */
export interface InvokeOptions {
  /** @defaultValue createContext({ timeout }) */
  context?: Context
  /** Milliseconds until the request times out, if no context is given. @defaultValue 30000 */
  timeout?: number
}

/** How the requests of a test are sent. */
export interface ConcurrentInvokeOptions {
  /** How many requests run at once. @defaultValue all of them */
  concurrency?: number
  /** Milliseconds until each request times out. @defaultValue 30000 */
  timeout?: number
}

const concurrentRules: Rules<ConcurrentInvokeOptions> = { concurrency: wholeNumber(1), timeout: milliseconds }

/**
 * Sends a handler one event, in the async context the runtime client gives every request on Managed Instances.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { invoke } from 'middy-managed-instances/testing'
 *
 * const handler = middy<{ name: string }, string>(managed()).handler(async ({ name }) => `Hello ${name}`)
 * console.log(await invoke(handler, { name: 'world' }))
 * ```
 */
export const invoke = <E, R>(handler: TestedHandler<E, R>, event: E, options: InvokeOptions = {}): Promise<R> => {
  const { timeout = 30_000, context = createContext({ timeout }) } = options
  return runInInvokeStore(context.awsRequestId, () => handler(event, context)) as Promise<R>
}

/**
 * Sends a handler many events at once, each with a context of its own, and resolves to how each ended, in their order.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { invokeConcurrently } from 'middy-managed-instances/testing'
 *
 * const handler = middy<number, number>(managed()).handler(async (event) => event * 2)
 * const results = await invokeConcurrently(handler, [1, 2, 3], { concurrency: 2 })
 * console.log(results.filter(({ status }) => status === 'fulfilled').length)
 * ```
 */
export const invokeConcurrently = async <E, R>(
  handler: TestedHandler<E, R>,
  events: readonly E[],
  options?: ConcurrentInvokeOptions,
): Promise<PromiseSettledResult<R>[]> => {
  const { concurrency = Math.max(1, events.length), timeout = 30_000 } = checkOptions(
    'invokeConcurrently()',
    concurrentRules,
    options,
  )
  const results: PromiseSettledResult<R>[] = []
  const queue = events.entries()
  const sendAll = async (): Promise<void> => {
    for (const [index, event] of queue) {
      const [result] = await Promise.allSettled([invoke(handler, event, { timeout })])
      results[index] = result
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, events.length) }, sendAll))
  return results
}
