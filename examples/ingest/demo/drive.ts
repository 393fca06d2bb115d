import { type InvocationResult, type LocalRuntime, NotRunningError } from 'middy-managed-instances/local'
import type { Duplicate, Observation } from './figures.ts'
import type { PlannedRequest } from './mix.ts'
import type { Progress } from './progress.ts'
import type { PreparedRequest, Requests } from './requests.ts'
import type { Traces } from './traces.ts'
import { type Expected, inShort, judge } from './verdict.ts'

export interface DriveOptions {
  readonly plan: readonly PlannedRequest[]
  readonly requests: Requests
  readonly concurrency: number
  readonly runtime: LocalRuntime
  readonly traces: Traces | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Sends the planned requests in their order, as many at once as allowed, and judges every answer. */
export const drive = async (options: DriveOptions): Promise<readonly Observation[]> => {
  const { plan, requests, concurrency, progress, signal } = options
  const observations: Observation[] = []
  const remaining = plan.values()
  const lane = async (): Promise<void> => {
    for (const planned of remaining) {
      signal.throwIfAborted()
      const prepared = requests.prepare(planned)
      const observation = { ...planned, ...(await observe(prepared, options)) }
      requests.finish(planned)
      observations.push(observation)
      progress.add(observation.verdict)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return observations
}

type Delivered = Pick<Observation, 'verdict' | 'milliseconds' | 'answer'>
type Seen = Delivered & Pick<Observation, 'duplicates'>

const observe = async (prepared: PreparedRequest, options: DriveOptions): Promise<Seen> => {
  const { expected, redelivery } = prepared
  const first = deliver(prepared, expected, options)
  if (redelivery === undefined) return { ...(await first), duplicates: [] }
  const duplicate = async (kind: Duplicate['kind'], expected: Expected): Promise<Duplicate> => {
    const { verdict, answer } = await deliver(prepared, expected, options)
    return { kind, verdict, answer, executions: redelivery.executions }
  }
  await Promise.race([redelivery.begun, first])
  const refused = await duplicate('refused while running', { kind: 'error', error: /^IdempotencyAlreadyInProgress/ })
  redelivery.release()
  return { ...(await first), duplicates: [refused, await duplicate('given the stored result', expected)] }
}

const deliver = async (
  { event, file, timeout }: PreparedRequest,
  expected: Expected,
  { runtime, requests, traces, signal }: DriveOptions,
): Promise<Delivered> => {
  const traceId = traces?.open(file)
  let result: InvocationResult
  try {
    result = await runtime.invoke(event, {
      signal,
      ...(timeout !== undefined && { timeout }),
      ...(traceId !== undefined && { traceId }),
    })
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error
    return { verdict: 'unanswered', milliseconds: 0, answer: error.message }
  }
  return {
    verdict: judge(result, expected, requests.isUpload),
    milliseconds: result.durationMs,
    answer: inShort(result),
  }
}
