import { AsyncLocalStorage } from 'node:async_hooks'
import { currentInvocation, currentTraceHeader, type Invocation } from './invocation.ts'
import type { Segment } from './root-segment.ts'

type Context = Record<PropertyKey, unknown>

/** A context entered by `run` or `bind`; another invocation that finds itself in it does not take it for its own. */
interface Entered {
  readonly context: Context
  readonly invocation: Invocation | undefined
}

/** The key under which the SDK keeps the active segment. */
export const segmentKey = 'segment'

const brand = Symbol.for('middy-managed-instances.namespace')

export const isRequestNamespace = (namespace: unknown): namespace is RequestNamespace =>
  typeof namespace === 'object' && namespace !== null && brand in namespace

/**
 * What the X-Ray SDK keeps its active segment in, in place of its cls-hooked namespace: every invocation has a root
 * context of its own, with a root segment of its own.
 *
 * {@link https://github.com/aws/aws-xray-sdk-node/issues/760 | Why}
 */
export class RequestNamespace {
  readonly name: string
  readonly #outside: Context | null
  readonly #createRoot: (traceHeader: string | undefined) => Segment
  readonly #entered = new AsyncLocalStorage<Entered>()
  readonly #contextKey = Symbol('middy-managed-instances.segments')

  /** @param outside - the context of code that runs in no invocation. */
  constructor(name: string, outside: Context | null, createRoot: (traceHeader: string | undefined) => Segment) {
    this.name = name
    this.#outside = outside
    this.#createRoot = createRoot
    Object.defineProperty(this, brand, { value: true })
  }

  get active(): Context | null {
    const invocation = currentInvocation()
    const entered = this.#entered.getStore()
    if (entered !== undefined && entered.invocation === invocation) return entered.context
    return invocation === undefined ? this.#outside : this.#contextOf(invocation)
  }

  get(key: PropertyKey): unknown {
    return this.active?.[key]
  }

  set<T>(key: PropertyKey, value: T): T {
    const context = this.active
    if (context === null) throw new Error('No context available. ns.run() or ns.bind() must be called first.')
    context[key] = value
    return value
  }

  createContext(): Context {
    return Object.create(this.active ?? Object.prototype)
  }

  run(work: (context: Context) => unknown): Context {
    const context = this.createContext()
    this.#enter(context, () => work(context))
    return context
  }

  runAndReturn<T>(work: (context: Context) => T): T {
    const context = this.createContext()
    return this.#enter(context, () => work(context))
  }

  runPromise<T>(work: (context: Context) => Promise<T>): Promise<T> {
    return this.runAndReturn(work)
  }

  bind<This, A extends unknown[], R>(
    work: (this: This, ...args: A) => R,
    context: Context = this.active ?? this.createContext(),
  ): (this: This, ...args: A) => R {
    const enter = <T>(bound: () => T): T => this.#enter(context, bound)
    return function (...args) {
      return enter(() => work.apply(this, args))
    }
  }

  // Who enters without `run` would enter for every invocation; AsyncLocalStorage follows emitters by itself.
  enter(_context: Context): void {}
  exit(_context: Context): void {}
  bindEmitter(_emitter: object): void {}

  #enter<T>(context: Context, work: () => T): T {
    return this.#entered.run({ context, invocation: currentInvocation() }, work)
  }

  #contextOf(invocation: Invocation): Context {
    const known = invocation[this.#contextKey] as Context | undefined
    if (known !== undefined) return known
    const context: Context = { [segmentKey]: this.#createRoot(currentTraceHeader()) }
    invocation[this.#contextKey] = context
    return context
  }
}
