import { randomUUID } from 'node:crypto'
import type { Context } from 'aws-lambda'

/** What `createContext()` takes: any field of the context, or how long the request may take. */
export interface ContextOverrides extends Partial<Context> {
  /** Milliseconds until the request times out. @defaultValue 30000 */
  timeout?: number
}

/**
 * A Lambda context with every field, whose remaining time runs down as on Lambda.
 *
 * @example
 * ```ts
 * import { createContext } from 'middy-managed-instances/testing'
 *
 * const context = createContext({ functionName: 'orders', timeout: 500 })
 * console.log(context.getRemainingTimeInMillis())
 * ```
 */
export const createContext = ({ timeout = 30_000, ...overrides }: ContextOverrides = {}): Context => {
  const deadline = Date.now() + timeout
  const functionName = overrides.functionName ?? 'test-function'
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST.PUBLISHED',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${functionName}`,
    memoryLimitInMB: '2048',
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: '2026/01/01/[$LATEST.PUBLISHED]0123456789abcdef',
    // Not a method: Middy and others call it without its object.
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
    ...overrides,
  }
}
