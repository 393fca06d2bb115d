import type { InvocationStatus } from './results.ts'

/** What one worker has done. */
export interface WorkerStats {
  /** Whether the thread runs. */
  readonly alive: boolean
  /** Why it ended. */
  readonly diedOf: string | undefined
  /** Invocations it took. */
  readonly requests: number
  readonly inFlight: number
  readonly peakInFlight: number
}

/** What the runtime has done since it started. Times are milliseconds. */
export interface RuntimeStats {
  /** Invocations accepted. */
  readonly requests: number
  /** Invocations that hold one of the `concurrency` places now. */
  readonly inFlight: number
  readonly peakInFlight: number
  readonly peakInFlightPerWorker: readonly number[]
  /** Invocations that ended, by how. */
  readonly answers: Readonly<Record<InvocationStatus, number>>
  /** The same as `answers.unanswered`. */
  readonly unanswered: number
  /** Answers that came after their deadline, and were dropped. */
  readonly lateAnswers: number
  /** Ended invocations a second, between the first start and the last end. */
  readonly throughput: number
  /** Median time in flight of the newest 100,000. */
  readonly p50: number
  /** 99th percentile of the same. */
  readonly p99: number
  readonly workers: readonly WorkerStats[]
}

interface WorkerCounts {
  alive: boolean
  diedOf: string | undefined
  requests: number
  inFlight: number
  peakInFlight: number
}

const durationsKept = 100_000

/** Counts what happens; computes rates only when read. */
export class Statistics {
  readonly workers: readonly WorkerCounts[]
  inFlight = 0
  #requests = 0
  #peakInFlight = 0
  #lateAnswers = 0
  readonly #answers: Record<InvocationStatus, number> = { ok: 0, 'function-error': 0, timeout: 0, unanswered: 0 }
  readonly #durations: number[] = []
  #settled = 0
  #firstStart = 0
  #lastEnd = 0

  constructor(workers: number) {
    this.workers = Array.from({ length: workers }, () => ({
      alive: true,
      diedOf: undefined,
      requests: 0,
      inFlight: 0,
      peakInFlight: 0,
    }))
  }

  accepted(): void {
    this.#requests += 1
  }

  admitted(now: number): void {
    this.#firstStart ||= now
    this.inFlight += 1
    this.#peakInFlight = Math.max(this.#peakInFlight, this.inFlight)
  }

  delivered(worker: number): void {
    const counts = this.workers[worker] as WorkerCounts
    counts.requests += 1
    counts.inFlight += 1
    counts.peakInFlight = Math.max(counts.peakInFlight, counts.inFlight)
  }

  settled(status: InvocationStatus, worker: number | undefined, durationMs: number, now: number): void {
    this.inFlight -= 1
    this.#answers[status] += 1
    this.#durations[this.#settled % durationsKept] = durationMs
    this.#settled += 1
    this.#lastEnd = now
    if (worker !== undefined) (this.workers[worker] as WorkerCounts).inFlight -= 1
  }

  /** An invocation that ended before it was in flight. */
  dropped(status: InvocationStatus): void {
    this.#answers[status] += 1
  }

  late(): void {
    this.#lateAnswers += 1
  }

  died(worker: number, reason: string): void {
    const counts = this.workers[worker] as WorkerCounts
    counts.alive = false
    counts.diedOf = reason
  }

  read(): RuntimeStats {
    const sorted = Float64Array.from(this.#durations).sort()
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    const seconds = (this.#lastEnd - this.#firstStart) / 1000
    return {
      requests: this.#requests,
      inFlight: this.inFlight,
      peakInFlight: this.#peakInFlight,
      peakInFlightPerWorker: this.workers.map((worker) => worker.peakInFlight),
      answers: { ...this.#answers },
      unanswered: this.#answers.unanswered,
      lateAnswers: this.#lateAnswers,
      throughput: seconds > 0 ? this.#settled / seconds : 0,
      p50: at(0.5),
      p99: at(0.99),
      workers: this.workers.map((worker) => ({ ...worker })),
    }
  }
}
