import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { Tracer } from '@aws-lambda-powertools/tracer'

export const logger: Logger = new Logger({ serviceName: 'ingest' })
export const tracer: Tracer = new Tracer({ serviceName: 'ingest' })
export const metrics: Metrics = new Metrics({ namespace: 'ingest', serviceName: 'ingest' })

/** Has all that is recorded of this request name its file. */
export const recordFile = (file: string): void => {
  logger.appendKeys({ file })
  tracer.putAnnotation('file', file)
  metrics.addMetadata('file', file)
  metrics.addMetric('files', MetricUnit.Count, 1)
}
