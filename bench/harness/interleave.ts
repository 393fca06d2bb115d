/** What each contestant measured, round by round. */
export type Rounds<Name extends string> = Readonly<Record<Name, readonly number[]>>

/** When enough has been measured: after so many rounds, or on a slow machine after so much time. */
export interface Extent {
  readonly rounds: number
  readonly seconds: number
}

/** Even if time is up: a median of fewer says little. */
const fewestRounds = 5

/**
 * Measures every contestant once a round (A B C, C B A, A B C, ...): whatever else the machine does meets them all, and
 * a drift within a round meets each from both sides.
 */
export const interleave = async <const Name extends string>(
  names: readonly Name[],
  { rounds, seconds }: Extent,
  measure: (name: Name) => Promise<number>,
): Promise<Rounds<Name>> => {
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  const end = performance.now() + seconds * 1000
  for (let round = 0; round < rounds && (round < fewestRounds || performance.now() < end); round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) values[name].push(await measure(name))
  }
  return values
}
