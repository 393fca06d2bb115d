import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { expectNoLeaks, invoke, invokeConcurrently, stub } from 'middy-managed-instances/testing'
import { startBackend } from '../../examples/backend/backend.ts'
import { handler, sources } from '../../examples/using-parameters.ts'

const events = Array.from({ length: 64 }, (_, index) => ({ id: `order-${index}`, lines: index }))

const answerTo = ({ id }: { readonly id: string }) => {
  const url = `s3://orders-eu/${id}.json`
  return { url, signature: createHmac('sha256', 'key').update(url).digest('hex') }
}

describe('examples/using-parameters', () => {
  afterEach(() => expectNoLeaks())

  it('needs no AWS in a unit test', async () => {
    const restore = [
      stub(sources.bucket, 'orders-eu'),
      stub(sources.limits, { lines: 64 }),
      stub(sources.signingKey, 'key'),
    ]
    try {
      const results = await invokeConcurrently(handler, events)
      expect(results).toEqual(events.map((event) => ({ status: 'fulfilled', value: answerTo(event) })))
      await expect(invoke(handler, { id: 'long', lines: 65 })).rejects.toThrow('64 are allowed')
    } finally {
      for (const end of restore) end()
    }
  })

  it('fetches everything once for all workers on the real runtime', async () => {
    const backend = await startBackend({ latency: 100 })
    backend.parameters.set('/orders/bucket', { value: 'orders-eu' })
    backend.parameters.set('/orders/limits', { value: '{"lines":64}' })
    backend.secrets.set('orders/signing-key', { string: 'key' })
    const runtime = await startRuntime({
      handler: 'examples/using-parameters.handler',
      workers: 4,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: backend.env,
      privateTmp: true,
    })
    try {
      const results = await runtime.burst(events)
      for (const [index, event] of events.entries())
        expect(results[index]).toMatchObject({ status: 'ok', payload: answerTo(event) })
      expect(backend.calls.count({ operation: 'GetParameters' })).toBe(1)
      expect(backend.calls.count({ operation: 'GetSecretValue' })).toBe(1)
    } finally {
      await runtime.stop()
      await backend.stop()
    }
  })
})
