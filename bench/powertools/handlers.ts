import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'

export type HandlerName = 'powertools' | 'official'

type Handler = (event: unknown, context: object) => Promise<unknown>

const logger = new Logger({ serviceName: 'orders' })
const tracer = new Tracer({ serviceName: 'orders', captureHTTPsRequests: false })
const metrics = new Metrics({ namespace: 'shop', serviceName: 'orders' })

/** What every request does: one key, one line, one annotation, one metric. */
const answer = async (): Promise<string> => {
  logger.appendKeys({ order: 'a-1' })
  logger.info('handled')
  tracer.putAnnotation('order', 'a-1')
  metrics.addMetric('handled', MetricUnit.Count, 1)
  return 'done'
}

/** Makes the one handler that an isolate measures. */
export const makeHandler = (name: HandlerName): Handler => {
  switch (name) {
    case 'powertools':
      return middy(managed()).use(powertools({ logger, tracer, metrics })).handler(answer) as unknown as Handler
    case 'official':
      return middy()
        .use(captureLambdaHandler(tracer))
        .use(injectLambdaContext(logger, { resetKeys: true }))
        .use(logMetrics(metrics))
        .handler(answer) as unknown as Handler
    default:
      return name satisfies never
  }
}
