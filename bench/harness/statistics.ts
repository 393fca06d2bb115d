/** The middle of the values; between two, their mean. */
export const median = (values: readonly number[]): number => {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** The median over the rounds of what `compare` makes of the two values of one round, which saw the same machine. */
export const medianOfRounds = (
  ours: readonly number[],
  peer: readonly number[],
  compare: (ours: number, peer: number) => number,
): number => median(ours.map((value, round) => compare(value, peer[round] ?? Number.NaN)))
