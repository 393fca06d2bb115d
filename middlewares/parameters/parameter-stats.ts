import { allEntries } from './cache/entries.ts'
import type { SourceStats } from './cache/statistics.ts'

/**
 * What happened to each source in this worker, by the source's name. The same is told, as it happens, on the channel
 * `middy-managed-instances.parameters` of `node:diagnostics_channel`, as `{ event, source }`.
 *
 * @example
 * ```ts
 * import { parameterStats } from 'middy-managed-instances/parameters'
 *
 * for (const [source, { hits, misses, failures }] of Object.entries(parameterStats()))
 *   console.log(source, hits / (hits + misses), failures)
 * ```
 */
export const parameterStats = (): Readonly<Record<string, SourceStats>> =>
  Object.fromEntries([...allEntries()].map(({ key, counters }) => [key, counters.read()]))
