import { type InvocationResult, type LocalRuntime, NotRunningError } from 'middy-managed-instances/local'
import type { Observation } from './figures.ts'
import type { PlannedRequest } from './mix.ts'
import type { Progress } from './progress.ts'
import type { PreparedRequest, Requests } from './requests.ts'
import { inShort, judge } from './verdict.ts'

export interface DriveOptions {
  readonly plan: readonly PlannedRequest[]
  readonly requests: Requests
  readonly concurrency: number
  readonly runtime: LocalRuntime
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Sends the planned requests in their order, as many at once as allowed, and judges every answer. */
export const drive = async (options: DriveOptions): Promise<readonly Observation[]> => {
  const { plan, requests, concurrency, runtime, progress, signal } = options
  const observations: Observation[] = []
  const remaining = plan.values()
  const lane = async (): Promise<void> => {
    for (const planned of remaining) {
      signal.throwIfAborted()
      const prepared = requests.prepare(planned)
      const observation = { ...planned, ...(await observe(runtime, prepared, requests, signal)) }
      requests.finish(planned)
      observations.push(observation)
      progress.add(observation.verdict)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return observations
}

type Seen = Pick<Observation, 'verdict' | 'milliseconds' | 'answer'>

const observe = async (
  runtime: LocalRuntime,
  { event, expected, timeout }: PreparedRequest,
  { isUpload }: Requests,
  signal: AbortSignal,
): Promise<Seen> => {
  let result: InvocationResult
  try {
    result = await runtime.invoke(event, { signal, ...(timeout !== undefined && { timeout }) })
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error
    return { verdict: 'unanswered', milliseconds: 0, answer: error.message }
  }
  return { verdict: judge(result, expected, isUpload), milliseconds: result.durationMs, answer: inShort(result) }
}
