/**
 * One number that says what a request has used, for `scope.record()`.
 *
 * @example
 * ```ts
 * import { currentScope, type Metric } from 'middy-managed-instances'
 *
 * export const recordRows = (rows: unknown[]): void => {
 *   const metric: Metric = { name: 'RowsRead', unit: 'Count', value: rows.length }
 *   currentScope()?.record(metric)
 * }
 * ```
 */
export interface Metric {
  /** As CloudWatch shows it. */
  readonly name: string
  /** In CloudWatch's words. */
  readonly unit: 'Bytes' | 'Count' | 'Milliseconds'
  readonly value: number
}

export type MetricListener = (metric: Metric) => void

let warned = false

/** Tells every listener of a metric; one that throws fails neither the others nor whoever records. */
export const tellOf = (metric: Metric, listeners: readonly MetricListener[]): void => {
  for (const listener of listeners)
    try {
      listener(metric)
    } catch (error) {
      warnOfFailure(metric, error)
    }
}

const warnOfFailure = ({ name }: Metric, error: unknown): void => {
  if (warned) return
  warned = true
  process.emitWarning(
    `scope.onRecord(): a listener threw ${error} when it was told of ${name}. Catch in the listener what may fail there.`,
    'ManagedInstancesWarning',
  )
}
