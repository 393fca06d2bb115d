import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { threadId } from 'node:worker_threads'

/** What the environment says of itself, read once. */
export interface Runtime {
  /** Whether this process is an execution environment of AWS Lambda Managed Instances. */
  readonly managedInstances: boolean
  /** How many worker threads run handlers in this process: 1 outside Managed Instances. */
  readonly workers: number
  /** How many requests the whole environment may run at once: 1 outside Managed Instances. */
  readonly maxConcurrency: number
  /** The thread this code runs in: 0 is the main thread. */
  readonly workerId: number
}

/** The count of CPUs the runtime client sees: the cgroup's quota, all of the machine's without one, 1 if unreadable. */
const availableCpus = (): number => {
  try {
    const [quota = '', period = ''] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(/\s+/)
    if (quota === 'max') return Math.max(1, cpus().length)
    const share = Number.parseInt(quota, 10) / Number.parseInt(period, 10)
    return share > 0 && Number.isFinite(share) ? Math.ceil(share) : 1
  } catch {
    return 1
  }
}

const positive = (text: string | undefined): number | undefined => {
  const value = Number.parseInt(text ?? '', 10)
  return value > 0 ? value : undefined
}

export const readRuntime = (env: NodeJS.ProcessEnv): Runtime => {
  const managedInstances = env['AWS_LAMBDA_INITIALIZATION_TYPE'] === 'lambda-managed-instances'
  const cpuCount = managedInstances && !env['AWS_LAMBDA_NODEJS_WORKER_COUNT'] ? availableCpus() : 1
  return Object.freeze({
    managedInstances,
    workers: managedInstances ? (positive(env['AWS_LAMBDA_NODEJS_WORKER_COUNT']) ?? 8 * cpuCount) : 1,
    maxConcurrency: managedInstances ? (positive(env['AWS_LAMBDA_MAX_CONCURRENCY']) ?? 1) : 1,
    workerId: threadId,
  })
}

/**
 * What this process is: on Managed Instances or not, how many workers it has, how many requests it may run at once.
 *
 * {@link https://github.com/aws/aws-lambda-nodejs-runtime-interface-client | The runtime client} counts its workers the same way.
 *
 * @example
 * ```ts
 * import { runtime } from 'middy-managed-instances'
 *
 * const poolSize = Math.max(1, Math.floor(64 / runtime.workers))
 * ```
 */
export const runtime: Runtime = readRuntime(process.env)
