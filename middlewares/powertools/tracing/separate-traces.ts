import type { Tracer } from '@aws-lambda-powertools/tracer'
import { warnOnce } from '../warn-once.ts'
import { areConcurrent, currentTraceHeader } from './invocation.ts'
import { isRequestNamespace, RequestNamespace, segmentKey } from './request-namespace.ts'
import { type Facade, rootSegments } from './root-segment.ts'
import { readTraceHeader } from './trace-header.ts'

/** As much as we know of a namespace of cls-hooked. */
interface Namespace {
  active: Record<PropertyKey, unknown> | null
  readonly _contexts: Map<number, unknown>
}

const namespaceName = 'AWSXRay'

// cls-hooked keeps its namespaces on the process object, one for each worker thread.
const namespaces = (): Record<string, unknown> | undefined => Reflect.get(process, 'namespaces')

const isNamespace = (value: unknown): value is Namespace =>
  typeof value === 'object' && value !== null && 'active' in value && Reflect.get(value, '_contexts') instanceof Map

const isFacade = (value: unknown): value is Facade =>
  typeof value === 'object' &&
  value !== null &&
  Reflect.get(value, 'facade') === true &&
  ['resolveLambdaTraceData', 'isClosed', 'addNewSubsegment', 'incrementCounter', 'decrementCounter'].every(
    (name) => typeof Reflect.get(value, name) === 'function',
  )

const warnOfChange = (found: string): void =>
  warnOnce(
    `powertools({ tracer }): ${found}, so that overlapping requests share one active segment and traces get mixed up. ` +
      'The X-Ray SDK or the tracer has changed in a way this version does not know: update middy-managed-instances, ' +
      'or pin aws-xray-sdk-core to 3.12 and @aws-lambda-powertools/tracer to 2.36.',
  )

/** Gives every invocation of this worker an active segment of its own. */
const replaceNamespace = (): void => {
  const all = namespaces()
  const existing = all?.[namespaceName]
  if (isRequestNamespace(existing)) return
  const facade = isNamespace(existing) ? existing.active?.[segmentKey] : undefined
  if (all === undefined || !isNamespace(existing))
    warnOfChange(`there is no namespace of cls-hooked for ${namespaceName}`)
  else if (!isFacade(facade)) warnOfChange('the X-Ray SDK has no facade segment for Lambda')
  else {
    all[namespaceName] = new RequestNamespace(namespaceName, existing.active, rootSegments(facade))
    // Its hook sees every promise of the worker, for as long as it lives: with no active context it keeps nothing of them.
    existing.active = null
    existing._contexts.clear()
  }
}

type Provider = Tracer['provider']

const joined = new WeakSet<Provider>()

/**
 * Has a tracer keep its active segment where the SDK does. It keeps it apart on Managed Instances, since the SDK's was
 * shared by all requests; apart, what the SDK captures would not become a child of what the tracer has open.
 */
const joinSegments = (provider: Provider): void => {
  if (joined.has(provider)) return
  joined.add(provider)
  const setApart = provider.setSegment
  provider.setSegment = (segment) => {
    const namespace = namespaces()?.[namespaceName]
    if (isRequestNamespace(namespace)) namespace.set(segmentKey, segment)
    else setApart.call(provider, segment)
  }
}

/** What keeps the traces of requests apart. */
export interface Separation {
  /** Called before the first segment of a request: a second copy of the SDK takes over when it is loaded. */
  renew(): void
  /** Called with that segment, if it is known: whatever has changed inside the packages shows in it. */
  check(segment: object | undefined): void
}

const without: Separation = { renew: () => {}, check: () => {} }

/** The trace that the root of a segment is in. */
const traceOf = (segment: object | undefined): unknown =>
  (segment as { readonly segment?: { readonly trace_id?: unknown } } | undefined)?.segment?.trace_id

/**
 * Has the segments of every request be recorded under its own trace and parent. Without effect where requests don't
 * overlap, and outside Lambda.
 */
export const separateTraces = (tracer: Tracer): Separation => {
  if (!areConcurrent() || !tracer.isTracingEnabled() || process.env['LAMBDA_TASK_ROOT'] === undefined) return without
  replaceNamespace()
  if (typeof tracer.provider?.setSegment === 'function') joinSegments(tracer.provider)
  else warnOfChange('the tracer has no provider.setSegment()')
  let checked = false
  const check = (segment: object | undefined): void => {
    const trace = checked ? undefined : readTraceHeader(currentTraceHeader())
    if (trace === undefined || !isRequestNamespace(namespaces()?.[namespaceName])) return
    checked = true
    if (tracer.getSegment() !== segment || traceOf(segment) !== trace.root)
      warnOfChange("the handler's segment is not found under the trace of its request")
  }
  return { renew: replaceNamespace, check }
}
