import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { barrier, expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import { handler } from '../../examples/using-parser.ts'

const count = 64
const events = Array.from({ length: count }, (_, index) => ({
  id: `order-${index}`,
  quantity: index % 8 === 0 ? 'none' : `${index}`,
}))
const isRefused = (index: number): boolean => index % 8 === 0
const answerTo = (index: number) => ({ id: `order-${index}`, price: index * 5 })

describe('examples/using-parser', () => {
  afterEach(() => expectNoLeaks())

  it('gives each of 64 overlapping requests its own order, parsed', async () => {
    const meet = barrier(count - count / 8)
    handler.before(meet)
    const results = await invokeConcurrently(handler, events as never[])
    for (const [index, result] of results.entries())
      if (isRefused(index))
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { cause: [{ message: 'quantity must be 1 or more' }] },
        })
      else expect(result).toEqual({ status: 'fulfilled', value: answerTo(index) })
  })

  it('does so on the real runtime', async () => {
    const runtime = await startRuntime({
      handler: 'examples/using-parser.handler',
      workers: 2,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(events)
      expect(results).toMatchObject(
        events.map((_, index) =>
          isRefused(index)
            ? { status: 'function-error', error: { errorType: 'ParseError' } }
            : { status: 'ok', payload: answerTo(index) },
        ),
      )
    } finally {
      await runtime.stop()
    }
  })
})
