import { describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { type Document, startDaemon } from '../powertools/support/daemon.ts'
import { newTrace } from '../powertools/support/invocation.ts'

const orders = Array.from({ length: 64 }, (_, index) => ({ id: `order-${index}`, quantity: index * 2 }))

describe('examples/using-tracer', () => {
  it('puts every step under the trace of its own request', async () => {
    const daemon = await startDaemon()
    const runtime = await startRuntime({
      handler: 'examples/using-tracer.handler',
      workers: 2,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x', AWS_XRAY_DAEMON_ADDRESS: daemon.address },
    })
    try {
      const traces = orders.map(() => newTrace())
      const results = await Promise.all(
        orders.map((order, index) => runtime.invoke(order, { traceId: traces[index]?.header ?? '' })),
      )
      const documents = await daemon.receive(orders.length * 3)
      const find = (order: string, matches: (name: string) => boolean): Document | undefined =>
        documents.find(({ name, annotations }) => annotations?.['order'] === order && matches(name))
      for (const [index, { id, quantity }] of orders.entries()) {
        const handler = find(id, (name) => name.startsWith('## '))
        expect(handler).toMatchObject({ trace_id: traces[index]?.root, parent_id: traces[index]?.parent })
        for (const step of ['price', 'reserve'])
          expect(find(id, (name) => name === step)).toMatchObject({
            trace_id: traces[index]?.root,
            parent_id: handler?.id,
          })
        expect(results[index]?.status).toBe(quantity > 100 ? 'function-error' : 'ok')
        expect(find(id, (name) => name === 'reserve')?.fault ?? false).toBe(quantity > 100)
      }
    } finally {
      await runtime.stop()
      await daemon.stop()
    }
  })
})
