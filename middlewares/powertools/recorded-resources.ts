import type { Metric } from '../../src/scope/metric.ts'

/** What the resources of one request have recorded, added up by name. */
export class RecordedResources {
  readonly #totals = new Map<string, Metric>()

  readonly add = (metric: Metric): void => {
    const { name, unit, value } = metric
    // Of two units under one name Powertools refuses the second, in its words.
    const key = `${unit} ${name}`
    const total = this.#totals.get(key)
    this.#totals.set(key, total === undefined ? metric : { name, unit, value: total.value + value })
  }

  get totals(): Iterable<Metric> {
    return this.#totals.values()
  }
}
