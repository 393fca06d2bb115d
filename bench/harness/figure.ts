/** How long to measure: `quick` only shows that the benchmark works. */
export type Effort = 'full' | 'quick'

export interface Goal {
  readonly relation: 'at most' | 'at least' | 'below'
  readonly value: number
}

/** One comparison of ours with a peer, both measured in one run. */
export interface Figure {
  readonly name: string
  readonly unit: 'µs' | 'ms' | 'bytes' | 'requests/s'
  /** Medians over the rounds. */
  readonly ours: number
  readonly peer: number
  /** What `value` and `goal` are: ours minus the peer's, or ours divided by it. */
  readonly compared: 'extra' | 'ratio'
  /** Median of what was compared round by round. */
  readonly value: number
  readonly goal: Goal | undefined
}

/** One file of measurements. */
export interface Benchmark {
  readonly title: string
  /** What the reader needs to know of the machine, found when it ran. */
  readonly note?: () => string
  run(effort: Effort): Promise<Figure[]>
}

/** Whether the figure's goal is met; `undefined` if it has none. */
export const isMet = ({ value, goal }: Figure): boolean | undefined => {
  if (goal === undefined) return undefined
  switch (goal.relation) {
    case 'at most':
      return value <= goal.value
    case 'at least':
      return value >= goal.value
    case 'below':
      return value < goal.value
    default:
      return goal.relation satisfies never
  }
}
