import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type LogLine, startRuntime } from 'middy-managed-instances/local'
import { drive } from './drive.ts'
import type { Run } from './figures.ts'
import { settle } from './leftovers.ts'
import type { PlannedRequest } from './mix.ts'
import type { Progress } from './progress.ts'
import { type Requests, zombieTime } from './requests.ts'
import type { Traces } from './traces.ts'

export const workers = 8
export const concurrency = 64

export interface RunOptions {
  /** A file of this example and its export. */
  readonly handler: string
  readonly plan: readonly PlannedRequest[]
  readonly requests: Requests
  /** Where the functions find what they call. */
  readonly env: Readonly<Record<string, string>>
  /** How long /tmp may take to become empty once the last handler has ended, in milliseconds. */
  readonly settleTime: number
  /** Opens a trace for each request, if the function is instrumented. */
  readonly traces: Traces | undefined
  readonly onLog: (line: LogLine) => void
  /** Called when the last handler has ended, and the environment has not. */
  readonly onSettled: () => Promise<void>
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Runs a handler on the real runtime client, as Lambda Managed Instances would, and sends it the planned requests. */
export const run = async (options: RunOptions): Promise<Run> => {
  const { handler, plan, requests, env, settleTime, traces, onLog, onSettled, progress, signal } = options
  progress.phase(`starting ${workers} workers`)
  const runtime = await startRuntime({
    handler,
    workers,
    concurrency,
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    nodeOptions: ['--conditions=middy-managed-instances/source'],
    env: { ...env, ...noConfiguration },
    privateTmp: true,
    onLog,
    signal,
  })
  try {
    progress.phase('')
    const start = performance.now()
    const observations = await drive({ plan, requests, concurrency, runtime, traces, progress, signal })
    const seconds = (performance.now() - start) / 1000
    progress.phase('waiting for the last handler to end')
    await sleep(zombieTime, undefined, { signal })
    const { directories, files } = await settle(runtime.tmp, settleTime)
    await onSettled()
    const peakInFlightPerWorker = Math.max(...runtime.stats().peakInFlightPerWorker)
    return { observations, seconds, peakInFlightPerWorker, leakedWorkspaces: directories, leakedFiles: files }
  } finally {
    await runtime.stop()
  }
}

/** Nothing of the machine's own AWS configuration. */
const noConfiguration: Record<string, string | undefined> = {
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
}
