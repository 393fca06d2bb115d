import '@aws/lambda-invoke-store'

/** What the runtime client keeps of one invocation. */
export type Invocation = NonNullable<ReturnType<InvokeStore['getContext']>>

type InvokeStore = NonNullable<NonNullable<typeof globalThis.awslambda>['InvokeStore']>

/**
 * Whether invocations overlap in this process, by the variable Powertools asks: with any other, its stores and ours
 * would disagree about where an invocation's state is.
 */
export const areConcurrent = (): boolean => (process.env['AWS_LAMBDA_MAX_CONCURRENCY'] ?? '').trim() !== ''

const invokeStore = (): InvokeStore | undefined => globalThis.awslambda?.InvokeStore

/** The invocation this code runs in. */
export const currentInvocation = (): Invocation | undefined => invokeStore()?.getContext()

/** The trace header of the invocation this code runs in. */
export const currentTraceHeader = (): string | undefined =>
  invokeStore()?.getXRayTraceId() ?? process.env['_X_AMZN_TRACE_ID']

/** Runs `work` in its own invocation: the timer that ends a request late was started by another. */
export const runIn = (invocation: Invocation | undefined, work: () => void): void => {
  const store = invokeStore()
  if (store === undefined || invocation === undefined || store.getContext() === invocation) work()
  else store.run(invocation, work)
}
