import type { Tracer } from '@aws-lambda-powertools/tracer'
import { warnOnce } from '../warn-once.ts'
import { areConcurrent } from './invocation.ts'
import { isRequestNamespace, RequestNamespace, segmentKey } from './request-namespace.ts'
import { type Facade, rootSegments } from './root-segment.ts'

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
      'The X-Ray SDK has changed in a way this version does not know: update middy-managed-instances, or pin aws-xray-sdk-core to 3.12.',
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

/**
 * Has the segments of every request be recorded under its own trace and parent. Without effect where requests don't
 * overlap, and outside Lambda.
 *
 * @returns what makes sure of it at the start of a request: a second copy of the SDK takes over when it is loaded.
 */
export const separateTraces = (tracer: Tracer): (() => void) => {
  if (!areConcurrent() || !tracer.isTracingEnabled() || process.env['LAMBDA_TASK_ROOT'] === undefined) return () => {}
  replaceNamespace()
  if (typeof tracer.provider?.setSegment === 'function') joinSegments(tracer.provider)
  else warnOfChange('the tracer has no provider.setSegment()')
  return replaceNamespace
}
