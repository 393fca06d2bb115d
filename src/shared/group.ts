/** The workers that have one mutex in common. */
export interface Group {
  /** Groups of one process and topic are counted from 1: a later one takes over when nobody of an earlier one replies. */
  readonly number: number
  readonly founder: string
  readonly memory: SharedArrayBuffer
}

/**
 * Whether to leave one group for another. Somebody who empties the temporary directory lets two groups have the same
 * number: then all agree on one of the founders.
 */
export const supersedes = (group: Group, current: Group | undefined): boolean =>
  current === undefined ||
  group.number > current.number ||
  (group.number === current.number && group.founder > current.founder)
