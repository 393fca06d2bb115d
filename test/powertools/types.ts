// Checked by the compiler, never run.
import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics } from '@aws-lambda-powertools/metrics'
import { Tracer } from '@aws-lambda-powertools/tracer'
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { type PowertoolsOptions, powertools } from 'middy-managed-instances/powertools'
import { type Workspace, workspace } from 'middy-managed-instances/workspace'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectTrue = <T extends true>(): T | undefined => undefined

const logger = new Logger()
const tracer = new Tracer()
const metrics = new Metrics()

expectTrue<Equal<Parameters<typeof powertools>, [options: PowertoolsOptions]>>()
expectTrue<Equal<ReturnType<typeof powertools>, MiddlewareObj<unknown, unknown, Error, Context>>>()

// The event and what other middlewares add reach the handler, in either order.
middy<{ id: string }, string>(managed())
  .use(powertools({ logger, tracer, metrics, defaultDimensions: { stage: 'test' }, resources: true }))
  .use(workspace())
  .handler(async ({ id }, { workspace, awsRequestId }, { signal }) => {
    expectTrue<Equal<typeof workspace, Workspace>>()
    expectTrue<Equal<typeof signal, AbortSignal>>()
    return `${id} ${awsRequestId} ${workspace.path}`
  })
middy<{ id: string }, string>(managed())
  .use(workspace({ contextKey: 'files' }))
  .use(powertools({ logger: [logger], metrics: [metrics] }))
  .handler(async ({ id }, { files }) => id + files.path)
// On a plain middy() too.
middy<{ id: string }, string>()
  .use(powertools({ logger }))
  .handler(async ({ id }) => id)

// @ts-expect-error: nothing to do
powertools()
// @ts-expect-error: no logger
powertools({ logger: console })
// @ts-expect-error: captureLambdaHandler() takes one
powertools({ tracer: [tracer] })
// @ts-expect-error: unknown
powertools({ logger, clearState: true })
// @ts-expect-error: a boolean is asked for
powertools({ metrics, resources: ['workspace'] })
// @ts-expect-error: a string is asked for
powertools({ metrics, defaultDimensions: { stage: 1 } })
