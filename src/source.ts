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

/** A source that a test can give a value of its own; see `stub()` of the testing kit. */
export interface Stubbable<T> extends Source<T> {
  /** Serves `value` from now on, whatever the backend has; nothing ends that. */
  stub(value?: { readonly value: T }): void
}

/** Whether a source can be given a value. */
export const isStubbable = (source: unknown): source is Stubbable<unknown> =>
  isSource(source) && 'stub' in source && typeof source.stub === 'function'

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
