import { type Ending, mix, type PlannedRequest } from './mix.ts'
import type { Verdict } from './verdict.ts'

/** One request as it went. */
export interface Observation extends PlannedRequest {
  readonly verdict: Verdict
  readonly milliseconds: number
  /** What came back, in one line. */
  readonly answer: string
  /** What became of the further deliveries of its event. */
  readonly duplicates: readonly Duplicate[]
}

/** One further delivery of an event. */
export interface Duplicate {
  readonly kind: 'refused while running' | 'given the stored result'
  readonly verdict: Verdict
  readonly answer: string
  /** How often the event's file was read until then. */
  readonly executions: number
}

/** One environment as it went. */
export interface Run {
  readonly observations: readonly Observation[]
  readonly seconds: number
  readonly peakInFlightPerWorker: number
  readonly leakedWorkspaces: number
  readonly leakedFiles: number
}

/** What the runs of one way to write the function come to. */
export interface Figures {
  readonly requests: number
  readonly rightAnswers: number
  /** Answers made of another upload's data. */
  readonly foreignReads: number
  /** Answers made of data that no upload ever had. */
  readonly tornReads: number
  /** Every other answer that was not to be. */
  readonly unexpectedErrors: number
  readonly unanswered: number
  readonly leakedWorkspaces: number
  readonly leakedFiles: number
  /** Requests a second. */
  readonly throughput: number
  /** Median of the requests for a summary, in milliseconds. */
  readonly p50: number
  /** 99th percentile of the same. */
  readonly p99: number
  readonly peakInFlightPerWorker: number
  readonly endings: Readonly<Partial<Record<Ending, EndingFigures>>>
  /** The first answers that were not right. */
  readonly wrongAnswers: readonly string[]
}

/** What became of events that were delivered more than once. */
export interface DuplicateFigures {
  readonly duplicates: number
  /** Those that came while the first delivery was running, and were told so. */
  readonly refused: number
  /** Those that came later, and were given its result. */
  readonly replayed: number
  /** Events whose handler was run more than once. */
  readonly executedTwice: number
}

export interface EndingFigures {
  readonly requests: number
  readonly rightAnswers: number
}

export const figuresOf = (runs: readonly Run[]): Figures => {
  const observations = runs.flatMap((run) => run.observations)
  const count = (verdict: Verdict): number => observations.filter((seen) => seen.verdict === verdict).length
  const total = (read: (run: Run) => number): number => runs.reduce((sum, run) => sum + read(run), 0)
  const summaries = observations.filter(({ ending }) => ending === 'summary')
  const latencies = summaries.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return {
    requests: observations.length,
    rightAnswers: count('right'),
    unexpectedErrors: count('unexpected'),
    unanswered: count('unanswered'),
    foreignReads: count('foreign'),
    tornReads: count('torn'),
    leakedWorkspaces: total((run) => run.leakedWorkspaces),
    leakedFiles: total((run) => run.leakedFiles),
    throughput: round(observations.length / total((run) => run.seconds)),
    p50: round(percentile(latencies, 0.5)),
    p99: round(percentile(latencies, 0.99)),
    peakInFlightPerWorker: Math.max(...runs.map((run) => run.peakInFlightPerWorker)),
    endings: endingsOf(observations),
    wrongAnswers: wrongAnswersOf(observations).slice(0, 5),
  }
}

/** What the same runs come to for events that were delivered more than once. */
export const duplicatesOf = (runs: readonly Run[]): DuplicateFigures => {
  const redelivered = runs.flatMap((run) => run.observations.map(({ duplicates }) => duplicates))
  const duplicates = redelivered.flat()
  const right = (kind: Duplicate['kind']): number =>
    duplicates.filter((duplicate) => duplicate.kind === kind && duplicate.verdict === 'right').length
  return {
    duplicates: duplicates.length,
    refused: right('refused while running'),
    replayed: right('given the stored result'),
    executedTwice: redelivered.filter((of) => of.some(({ executions }) => executions > 1)).length,
  }
}

const endingsOf = (observations: readonly Observation[]): Figures['endings'] => {
  const endings: Partial<Record<Ending, EndingFigures>> = {}
  for (const ending of Object.keys(mix) as Ending[]) {
    const seen = observations.filter((observation) => observation.ending === ending)
    const right = seen.filter(({ verdict }) => verdict === 'right')
    if (seen.length > 0) endings[ending] = { requests: seen.length, rightAnswers: right.length }
  }
  return endings
}

const wrongAnswersOf = (observations: readonly Observation[]): string[] =>
  observations.flatMap(({ index, ending, duplicates, ...first }) =>
    [{ kind: ending, ...first }, ...duplicates]
      .filter(({ verdict }) => verdict !== 'right')
      .map(({ kind, verdict, answer }) => `request ${index} (${kind}), ${verdict}: ${answer}`),
  )

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

const round = (value: number): number => Math.round(value * 10) / 10
