import type { DataSetName } from './data-sets.ts'

/** How a request is meant to end. */
export type Ending =
  | 'summary'
  | 'warmup'
  | 'broken file'
  | 'missing file'
  | 'timed out'
  | 'timed out, still writing'
  | 'streamed file'

/** Of every 100 requests this many end so. */
export const mix: Readonly<Record<Ending, number>> = {
  summary: 68,
  warmup: 8,
  'broken file': 4,
  'missing file': 4,
  'timed out': 3,
  'timed out, still writing': 3,
  'streamed file': 10,
}

/** Of every 100 requests this many, all of them for a summary, are delivered twice more. */
export const redelivered = 7

/** Of every 20 requests this many are about this data set. */
export const dataSetMix: Readonly<Record<DataSetName, number>> = {
  stocks: 6,
  github: 3,
  'co2-concentration': 4,
  'us-employment': 3,
  'seattle-weather': 3,
  airports: 1,
}

export interface PlannedRequest {
  readonly index: number
  readonly ending: Ending
  readonly dataSet: DataSetName
  /** Whether its event is delivered again while it runs, and once more when it has been answered. */
  readonly redelivered: boolean
}

/** The requests of a run: the same for the same number, with every ending spread evenly over it. */
export const planRequests = (requests: number): readonly PlannedRequest[] =>
  Array.from({ length: requests }, (_, index) => ({
    index,
    ending: pick(mix, slotOf(index)),
    redelivered: slotOf(index) < redelivered,
    dataSet: pick(dataSetMix, (index * 7 + Math.floor(index / 20)) % 20),
  }))

const slotOf = (index: number): number => (index * 37) % 100

const pick = <Choice extends string>(weights: Readonly<Record<Choice, number>>, slot: number): Choice => {
  let end = 0
  for (const [choice, weight] of Object.entries(weights) as [Choice, number][]) {
    end += weight
    if (slot < end) return choice
  }
  throw new RangeError(`The weights end at ${end}: nothing has slot ${slot}.`)
}
