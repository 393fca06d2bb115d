import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'

const metrics = new Metrics({ namespace: 'shop', serviceName: 'orders' })

/** Counts the items of an order for its tenant: one blob for each request, with its own dimensions, also if it fails. */
export const handler = middy<{ tenant: string; items: number }, { items: number }>(managed())
  .use(powertools({ metrics, captureColdStartMetric: true, defaultDimensions: { stage: 'example' } }))
  .handler(async ({ tenant, items }) => {
    metrics.addDimension('tenant', tenant)
    metrics.addMetric('items', MetricUnit.Count, items)
    await Promise.resolve()
    if (items > 100) throw new RangeError(`${items} items are more than the 100 of one order.`)
    metrics.addMetric('accepted', MetricUnit.Count, 1)
    return { items }
  })
