import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { barrier, expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import { handler } from '../../examples/using-validation.ts'

const count = 64
const isRefused = (index: number): boolean => index % 8 === 0
const events = Array.from({ length: count }, (_, index) => ({
  id: `order-${index}`,
  quantity: isRefused(index) ? 0 : index,
}))
const answerTo = (index: number) => ({ id: `order-${index}`, price: index * 5 })

describe('examples/using-validation', () => {
  afterEach(() => expectNoLeaks())

  it('lets each of 64 overlapping requests through or not by its own order', async () => {
    const meet = barrier(count - count / 8)
    handler.before(meet)
    const results = await invokeConcurrently(handler, events)
    for (const [index, result] of results.entries())
      if (isRefused(index))
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { name: 'SchemaValidationError', cause: [{ instancePath: '/quantity' }] },
        })
      else expect(result).toEqual({ status: 'fulfilled', value: answerTo(index) })
  })

  it('does so on the real runtime', async () => {
    const runtime = await startRuntime({
      handler: 'examples/using-validation.handler',
      workers: 2,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(events)
      expect(results).toMatchObject(
        events.map((_, index) =>
          isRefused(index)
            ? { status: 'function-error', error: { errorType: 'SchemaValidationError' } }
            : { status: 'ok', payload: answerTo(index) },
        ),
      )
    } finally {
      await runtime.stop()
    }
  })
})
