/** How to wait for a value. */
export interface SourceOptions {
  /** Ends the wait, never the fetch: others may be waiting for the same. */
  signal?: AbortSignal
}

/**
 * Where a value comes from that a worker keeps: a parameter, a secret, whatever a loader brings. What takes a value of
 * this kind asks a source whenever it needs it, and never keeps it.
 */
export interface Source<out T> {
  /** The value: kept, or fetched once for all who ask at the same time. */
  get(options?: SourceOptions): Promise<T>
  /** The kept value if it may still be served, else `undefined`. Never fetches. */
  peek(): T | undefined
  /** Fetches the value anew, once for all who ask at the same time. */
  refresh(options?: SourceOptions): Promise<T>
}

/** How a test gives a source of this package a value of its own; see `stub()` of the testing kit. */
export const stubbing: unique symbol = Symbol.for('middy-managed-instances.stub')

/** A source that can be stubbed; `undefined` ends that. */
export interface Stubbable<in T> {
  [stubbing](value: { readonly value: T } | undefined): void
}

/** Whether a value can be asked like a source. */
export const isSource = (value: unknown): value is Source<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  'get' in value &&
  typeof value.get === 'function' &&
  'peek' in value &&
  typeof value.peek === 'function' &&
  'refresh' in value &&
  typeof value.refresh === 'function'
