/** The part of a Lambda context, or of a durable execution's, that tells the time. */
export interface TimedContext {
  readonly awsRequestId?: string
  readonly getRemainingTimeInMillis?: () => number
  readonly lambdaContext?: TimedContext
}

/** Milliseconds until the request times out; `Infinity` for a context that does not say. */
export const remainingTime = (context: TimedContext | null | undefined): number => {
  try {
    const timed = context?.getRemainingTimeInMillis ? context : context?.lambdaContext
    const remaining = timed?.getRemainingTimeInMillis?.()
    return typeof remaining === 'number' && !Number.isNaN(remaining) ? remaining : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
