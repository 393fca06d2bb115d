import type { AnyTransform } from './options.ts'

/** What the backend said of one name. */
export type Fetched =
  | {
      readonly raw: unknown
      /** What the next fetch needs of this one. */
      readonly carry?: unknown
      /** Milliseconds since the epoch before which the backend does not want to be asked again. */
      readonly notBefore?: number
    }
  | 'missing'

/** What one fetch is told. */
export interface FetchCall {
  /** Aborts when the fetch has taken its time. */
  readonly signal: AbortSignal
  /** What was fetched before, for a backend that tells only of changes. */
  readonly previous?: { readonly raw: unknown; readonly carry: unknown } | undefined
}

/** Something that is loaded when it is first needed; that may block the event loop for long. */
export interface Loadable {
  readonly isLoaded: boolean
  load(): Promise<unknown>
}

/** One kind of call to one backend, that may bring several names at once. */
export interface Fetcher {
  /** How many names one call may ask for. */
  readonly size: number
  /** What the first fetch loads. */
  readonly packages?: readonly Loadable[]
  /** Asks for all names in one call: what it brought or why not, for each of them, in their order. */
  fetch(names: readonly string[], call: FetchCall): Promise<readonly (Fetched | { readonly error: unknown })[]>
}

/** Where one value comes from. */
export interface Origin {
  /**
   * The same for two sources exactly if their values are the same, and what messages and statistics call it, as in
   * `ssm("/orders/bucket")`. It holds no secret.
   */
  readonly key: string
  readonly name: string
  readonly fetcher: Fetcher
  /** Made of the raw value if the source has no transform of its own. */
  readonly transform?: AnyTransform
  /** Whether the workers of a process may share what it brings, unless the source says otherwise. */
  readonly shareable: boolean
}

/** A fetcher that asks for one name a call. */
export const single = (
  fetch: (name: string, call: FetchCall) => Promise<Fetched>,
  packages: readonly Loadable[] = [],
): Fetcher => ({
  size: 1,
  packages,
  fetch: async ([name = ''], call) => [await fetch(name, call)],
})
