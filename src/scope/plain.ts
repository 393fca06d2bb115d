import { finished, type Readable } from 'node:stream'
import { ManagedRequiredError } from '../errors.ts'
import { bodyStream } from './body-stream.ts'
import { setSignal } from './context-signal.ts'
import { storage } from './current.ts'
import { Fork } from './fork.ts'
import { defaultPolicy } from './release-stack.ts'
import { type RequestLike, RequestScope } from './request-scope.ts'
import type { HandlerWrapper, Outcome } from './scope.ts'

/** Middy's early timeout comes 5 ms before the deadline: an end within this many milliseconds of it is taken for one. */
const timeoutMargin = 10

let warned = false

/** The scope of a request on a plain `middy()`: it can't see the handler, and Middy may skip what should close it. */
export class PlainScope extends RequestScope {
  /** What each of our middlewares holds of this request, by the middleware. */
  readonly forks: Map<object, Fork> = new Map()
  #leaveParent: (() => Promise<void> | undefined) | undefined

  override wrapHandler(_wrapper: HandlerWrapper): void {
    throw new ManagedRequiredError('Running code around the handler')
  }

  /** Ends at the latest when the request does which this one is nested in: there Middy's hooks may be skipped as well. */
  endWith(parent: RequestScope): void {
    this.#leaveParent = parent.hold('nested request', ({ outcome, handlerSettled }) =>
      this.close(outcome === 'returned' ? 'early' : outcome, handlerSettled),
    )
  }

  /** Ends one middleware's part, and with the last of them the scope. Returns nothing if no release has to be awaited. */
  leave(middleware: object, outcome: Outcome): Promise<void> | undefined {
    const fork = this.forks.get(middleware)
    if (fork === undefined) return undefined
    this.forks.delete(middleware)
    const seen = this.#hasTimedOut() ? 'timedOut' : outcome
    const handlerSettled = seen !== 'timedOut'
    const closeAfterLast = (): Promise<void> | undefined =>
      this.forks.size === 0 ? this.close(seen, handlerSettled) : undefined
    const ending = fork.end({ outcome: seen, handlerSettled })
    return ending === undefined ? closeAfterLast() : ending.then(closeAfterLast)
  }

  /** Whether this is the end that Middy's early timeout makes, while the handler runs on. */
  #hasTimedOut(): boolean {
    const error = this.request?.error
    return (error instanceof Error && error.name === 'TimeoutError') || this.remaining() <= timeoutMargin
  }

  protected override close(outcome: Outcome, handlerSettled?: boolean): Promise<void> | undefined {
    const closing = super.close(outcome, handlerSettled)
    this.#leaveParent?.()
    return closing
  }

  override expire(): void {
    if (this.pending.length > 0) warnOfSkippedHooks(this.pending)
    super.expire()
  }
}

const warnOfSkippedHooks = (names: readonly string[]): void => {
  if (warned) return
  warned = true
  process.emitWarning(
    `Middy ended a request without calling our after or onError, so that ${names.join(', ')} was held until the request's deadline. ` +
      'Make the handler with middy(managed()): it releases on every path.',
    'ManagedInstancesWarning',
  )
}

/** Where a request keeps its scope: a weak map of requests would cost the garbage collector more than all the rest does. */
const scopeKey: unique symbol = Symbol('middy-managed-instances.scope')

type PlainRequest = RequestLike & { [scopeKey]?: PlainScope }

/** Opens a middleware's own part of a plain request's scope, and the scope itself with the first of them. */
export const openPlain = (
  request: PlainRequest,
  middleware: object,
  name: string,
): { scope: PlainScope; fork: Fork } => {
  let scope = request[scopeKey]
  if (scope === undefined) {
    const parent = storage.getStore()
    scope = new PlainScope(defaultPolicy, parent)
    if (parent !== undefined && parent.outcome === undefined) scope.endWith(parent)
    scope.begin(request)
    setSignal(request.context, scope.signal)
    request[scopeKey] = scope
  }
  const fork = new Fork(name, scope)
  scope.forks.set(middleware, fork)
  return { scope, fork }
}

/** Closes a middleware's part; one whose request answers with a stream closes when the stream does. */
export const closePlain = (
  request: PlainRequest & { readonly response?: unknown },
  middleware: object,
  outcome: Outcome,
): Promise<void> | undefined => {
  const scope = request[scopeKey]
  if (!scope?.forks.has(middleware)) return undefined
  const body = bodyStream(request.response)
  if (body === undefined || outcome !== 'returned') return scope.leave(middleware, outcome)
  // Takes a web stream as well, which its type does not say.
  finished(body as Readable, () => scope.leave(middleware, outcome))
  return undefined
}
