import { aBoolean, aFunction, aSignal, longestTimer, type Rule, type Rules, wholeNumber } from '../options.ts'
import type { InvocationResult } from './results.ts'

/** How one invocation is made. */
export interface InvokeOptions {
  /** Time it is given, in milliseconds. Default: the runtime's. */
  readonly timeout?: number
  /** Ends the wait for the result; the function is not stopped. */
  readonly signal?: AbortSignal
  /** `context.awsRequestId`. Default: a new UUID. */
  readonly requestId?: string
  /** `context.clientContext`. */
  readonly clientContext?: unknown
  /** `context.tenantId`. */
  readonly tenantId?: string
  /** `context.xRayTraceId`. Default: a new one, not sampled. */
  readonly traceId?: string
}

/** How a streamed invocation is made. */
export interface InvokeStreamOptions extends InvokeOptions {
  /** Leaves the HTTP metadata where the function wrote it: at the head of the body. Default `false`. */
  readonly keepMetadata?: boolean
}

/** How many invocations are made. */
export interface BurstOptions extends Omit<InvokeOptions, 'requestId'> {
  /** Invocations in flight at once. Default: the runtime's `concurrency`. */
  readonly concurrency?: number
  /** Called with each result as it comes. */
  readonly onResult?: (result: InvocationResult, index: number) => void
}

// They travel as headers.
const printable: Rule = {
  expected: 'a string of 1 to 1024 printable ASCII characters, none of them a space',
  accepts: (value) => typeof value === 'string' && /^[\x21-\x7e]{1,1024}$/.test(value),
}

const shared: Rules<Omit<InvokeOptions, 'requestId'>> = {
  timeout: wholeNumber(1, longestTimer),
  signal: aSignal,
  clientContext: { expected: 'any value', accepts: () => true },
  tenantId: printable,
  traceId: printable,
}

export const invokeRules: Rules<InvokeOptions> = { ...shared, requestId: printable }

export const invokeStreamRules: Rules<InvokeStreamOptions> = { ...invokeRules, keepMetadata: aBoolean }

export const burstRules: Rules<BurstOptions> = {
  ...shared,
  concurrency: wholeNumber(1, 100_000),
  onResult: aFunction,
}
