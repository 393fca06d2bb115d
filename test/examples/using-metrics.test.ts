import { describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { awaitLines } from '../powertools/support/awaited-lines.ts'

const workers = 2
const orders = Array.from({ length: 64 }, (_, index) => ({ tenant: `tenant-${index}`, items: index * 2 }))

describe('examples/using-metrics', () => {
  it('writes one blob for each request with its own dimensions, and a cold start for each worker', async () => {
    const { onLog, arrived } = awaitLines(orders.length + workers, '"_aws"')
    const runtime = await startRuntime({
      handler: 'examples/using-metrics.handler',
      workers,
      onLog,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      await runtime.burst(orders)
      const blobs = (await arrived).map(({ text }) => JSON.parse(text))
      expect(blobs.filter((blob) => blob.ColdStart === 1)).toHaveLength(workers)
      for (const { tenant, items } of orders) {
        const own = blobs.filter((blob) => blob.tenant === tenant)
        expect(own).toEqual([expect.objectContaining({ stage: 'example', service: 'orders', items })])
        expect(own[0].accepted).toBe(items > 100 ? undefined : 1)
      }
    } finally {
      await runtime.stop()
    }
  })
})
