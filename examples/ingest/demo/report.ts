import type { Backend } from '../../backend/backend.ts'
import type { ObjectStore } from '../object-store.ts'
import { type Figures, figuresOf, type Run } from './figures.ts'
import { type PlannedRequest, planRequests } from './mix.ts'
import { Progress } from './progress.ts'
import { prepareRequests } from './requests.ts'
import { run } from './run.ts'

/** What the demo has seen: our handler's figures, and those of the naive twin. */
export interface Report extends Figures {
  /** How often a backend was asked for parameters. */
  readonly parameterCalls: number
  readonly naive: Figures
}

interface Deployment {
  readonly handler: string
  readonly plan: readonly PlannedRequest[]
}

/** The naive twin gets this share of the requests, but not fewer than this many: enough to see what goes wrong. */
const naiveShare = 0.3
const naiveMinimum = 400
/** How long /tmp may take to become empty, in milliseconds. */
const settleTime = 20_000

/** Runs our handlers and then the naive twin, one environment after the other. */
export const measure = async (
  total: number,
  store: ObjectStore,
  backend: Backend,
  signal: AbortSignal,
): Promise<Report> => {
  const env = { ...backend.env, AWS_ENDPOINT_URL_S3: store.url }
  const requests = await prepareRequests(store)
  const isStreamed = ({ ending }: PlannedRequest): boolean => ending === 'streamed file'
  const plan = planRequests(total)
  const buffered = plan.filter((planned) => !isStreamed(planned))

  const figures = async (name: string, settleTime: number, deployments: readonly Deployment[]): Promise<Figures> => {
    const count = deployments.reduce((sum, deployment) => sum + deployment.plan.length, 0)
    const progress = new Progress(name, count)
    try {
      const runs: Run[] = []
      for (const deployment of deployments) {
        runs.push(await run({ ...deployment, requests, env, settleTime, progress, signal }))
      }
      return figuresOf(runs)
    } finally {
      progress.end()
    }
  }

  const managed = await figures('with managed()', settleTime, [
    { handler: 'demo/function.handler', plan: buffered },
    { handler: 'stream-handler.streamHandler', plan: plan.filter(isStreamed) },
  ])
  const naive = await figures('naive twin    ', 0, [
    {
      handler: 'naive.handler',
      plan: buffered.slice(0, Math.max(naiveMinimum, Math.ceil(buffered.length * naiveShare))),
    },
  ])
  return { ...managed, parameterCalls: backend.calls.count(), naive }
}
