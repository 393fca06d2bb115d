import middy from '@middy/core'
import { type ManagedOptions, managed } from 'middy-managed-instances'
import { type IdempotencyOptions, idempotency } from 'middy-managed-instances/idempotency'

export type Event = Record<string, unknown>
export type Work = (event: Event, context: unknown, options: { readonly signal: AbortSignal }) => unknown
export type Handler = ReturnType<typeof middy<Event, unknown>>
export type Plugin = middy.PluginObject & ManagedOptions

/** A handler that is run once for each key. */
export const once = (options: IdempotencyOptions, work: Work, plugin: Plugin = {}): Handler =>
  middy<Event, unknown>(managed(plugin))
    .use(idempotency(options))
    .handler(work as never)

/** A promise that a test keeps a handler waiting with, and learns by that it has begun. */
export class Gate {
  readonly #begun = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()

  /** Resolves when the first caller waits. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  readonly wait = (): Promise<void> => {
    this.#begun.resolve()
    return this.#open.promise
  }

  readonly open = (): void => this.#open.resolve()
}

export const failureOf = async (running: Promise<unknown>): Promise<Error & { readonly cause?: unknown }> => {
  try {
    await running
  } catch (error) {
    return error as Error
  }
  throw new Error('Expected a failure, and there was none.')
}
