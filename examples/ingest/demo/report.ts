import { connections } from '../settings.ts'
import type { DataSetName } from './data-sets.ts'
import { type DuplicateFigures, duplicatesOf, type Figures, figuresOf, type Run } from './figures.ts'
import { FunctionLog, type MetricFigures } from './function-log.ts'
import { type PlannedRequest, planRequests } from './mix.ts'
import { Progress } from './progress.ts'
import { fileOf, prepareRequests, type Requests } from './requests.ts'
import type { DatabaseName, RowFigures } from './row-store.ts'
import { type RunOptions, run } from './run.ts'
import type { Services } from './services.ts'
import type { Document } from './trace-receiver.ts'
import { type TraceFigures, Traces } from './traces.ts'

/** What the server and the leases say of the database. */
export interface DatabaseFigures extends RowFigures {
  /** The most connections there were at once. */
  readonly connectionsUsed: number
  readonly connectionBudget: number
  /** What a request left behind on its client although it did not fail. */
  readonly leaks: number
  /** Transactions that a request left open when it threw, and its lease rolled back. */
  readonly rolledBack: number
  /** Connections with a transaction open when the last handler had ended. */
  readonly idleInTransaction: number
}

/** One way to write the function, as it went. */
export interface FunctionFigures extends Figures {
  readonly database: DatabaseFigures
  readonly idempotency: DuplicateFigures
}

/** What the demo has seen: our handler's figures, and those of the naive twin. */
export interface Report extends FunctionFigures {
  /** How often the Parameter Store was asked. */
  readonly parameterCalls: number
  readonly traces: TraceFigures
  readonly metrics: MetricFigures
  readonly naive: FunctionFigures
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
export const measure = async (total: number, services: Services, signal: AbortSignal): Promise<Report> => {
  const requests = await prepareRequests(services.objects)
  await services.rows.prepare(requests.dataSets)
  const plan = planRequests(total)
  const buffered = plan.filter((planned) => !isStreamed(planned))
  const naivePlan = buffered.slice(0, Math.max(naiveMinimum, Math.ceil(buffered.length * naiveShare)))
  const [traces, log] = [new Traces(), new FunctionLog()]
  const shared = { requests, services, signal }
  const managed = await runAll(
    [
      { handler: 'demo/function.handler', plan: buffered },
      { handler: 'stream-handler.streamHandler', plan: plan.filter(isStreamed) },
    ],
    { ...shared, name: 'with managed()', database: 'ingest', settleTime, log, traces },
  )
  const documents = await services.traces.documents()
  const recorded = {
    parameterCalls: services.backend.calls.count({ service: 'ssm' }),
    traces: traces.check(documents),
    metrics: log.metrics(new Set(plan.filter(reachesHandler(documents)).map(fileOf))),
  }
  const naive = await runAll([{ handler: 'naive.handler', plan: naivePlan }], {
    ...shared,
    name: 'naive twin    ',
    database: 'naive',
    settleTime: 0,
    log: new FunctionLog(),
    traces: undefined,
  })
  return { ...managed, ...recorded, naive }
}

interface RunAllOptions extends Pick<RunOptions, 'settleTime' | 'traces' | 'signal'> {
  readonly name: string
  readonly requests: Requests
  readonly services: Services
  readonly database: DatabaseName
  readonly log: FunctionLog
}

const runAll = async (deployments: readonly Deployment[], options: RunAllOptions): Promise<FunctionFigures> => {
  const { name, services, database, log, ...rest } = options
  const plan = deployments.flatMap((deployment) => deployment.plan)
  const progress = new Progress(name, plan.length)
  const watch = await services.rows.watch(database)
  const env = { ...services.env, ...services.rows.env(database) }
  try {
    const runs: Run[] = []
    for (const deployment of deployments) {
      const onSettled = (): Promise<void> => watch.settle()
      runs.push(await run({ ...rest, ...deployment, env, onLog: log.add, onSettled, progress }))
    }
    progress.phase('comparing what is in the database')
    const rows = await services.rows.check(database, committedBy(plan))
    const { connectionsUsed, idleInTransaction } = watch
    const { leaks, rolledBack } = log
    return {
      ...figuresOf(runs),
      database: { connectionsUsed, connectionBudget: connections, leaks, rolledBack, idleInTransaction, ...rows },
      idempotency: duplicatesOf(runs),
    }
  } finally {
    progress.end()
    await watch.stop()
  }
}

/** Whether a request comes as far as its handler. On a busy machine one may time out before: then its trace names no file. */
const reachesHandler = (documents: readonly Document[]): ((planned: PlannedRequest) => boolean) => {
  const named = new Set(documents.map(({ annotations }) => annotations?.file))
  return (planned) => {
    switch (planned.ending) {
      case 'warmup':
        return false
      case 'timed out':
      case 'timed out, still writing':
        return named.has(fileOf(planned))
      default:
        return true
    }
  }
}

const isStreamed = ({ ending }: PlannedRequest): boolean => ending === 'streamed file'

/** The files whose rows must be in the database at the end, and those of no other. */
const committedBy = (plan: readonly PlannedRequest[]): ReadonlyMap<string, DataSetName> =>
  new Map(plan.filter(({ ending }) => ending === 'summary').map((planned) => [fileOf(planned), planned.dataSet]))
