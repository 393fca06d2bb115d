import type { Metrics } from '@aws-lambda-powertools/metrics'
import type { ExtraOptions } from '@aws-lambda-powertools/metrics/types'
import { loadMetricsMiddleware, type Official } from '../official.ts'
import type { Instrument } from './instrument.ts'

/** Calls `work` for every item, also after one that threw, and then throws the first error. */
const forEvery = <T>(items: readonly T[], work: (item: T) => void): void => {
  let failure: { readonly error: unknown } | undefined
  for (const item of items) {
    try {
      work(item)
    } catch (error) {
      failure ??= { error }
    }
  }
  if (failure !== undefined) throw failure.error
}

/** Publishes what a request that has failed recorded; that it recorded nothing must not hide its own error. */
const publishStored = (metrics: Metrics): void => {
  if (metrics.hasStoredMetrics()) {
    metrics.publishStoredMetrics()
    return
  }
  metrics.clearMetrics()
  metrics.clearDimensions()
  metrics.clearMetadata()
}

/** Throws if there are no metrics and there have to be: serializing them is how Powertools finds out. */
const checkStored = (metrics: Metrics): void => {
  if (!metrics.hasStoredMetrics() && !metrics['isDisabled']()) metrics.serializeMetrics()
}

/** The request's metrics, published once at its end. */
export const metricsInstrument = async (instances: Metrics[], options: ExtraOptions): Promise<Instrument> => {
  const { defaultDimensions, ...perRequest } = options
  // Once: the official middleware does it for every request, and warns from the second on that they exist.
  if (defaultDimensions !== undefined)
    for (const metrics of instances) metrics.setDefaultDimensions({ ...defaultDimensions })
  const { logMetrics } = await loadMetricsMiddleware()
  // One each: in one for all, an instance that throws keeps those after it from being published.
  const officials = instances.map((metrics) => logMetrics(metrics, perRequest) as unknown as Official)
  const publish = (): void => forEvery(instances, publishStored)
  return {
    name: 'metrics',
    cleanupKey: 'powertools-for-aws.metrics',
    start: (request) => {
      for (const official of officials) official.before(request)
    },
    add: ({ name, unit, value }) => forEvery(instances, (metrics) => void metrics.addMetric(name, unit, value)),
    check: () => forEvery(instances, checkStored),
    succeed: (request) => forEvery(officials, (official) => official.after(request)),
    fail: publish,
    abandon: publish,
  }
}
