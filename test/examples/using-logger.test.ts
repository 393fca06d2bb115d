import { describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { awaitLines } from '../powertools/support/awaited-lines.ts'

const count = 64
const orders = Array.from({ length: count }, (_, index) => ({
  id: `order-${index}`,
  quantities: index % 8 === 0 ? [1, -1] : Array.from({ length: (index % 7) + 1 }, () => index),
}))

describe('examples/using-logger', () => {
  it('writes every line with the keys of its own request, and the debug lines of those that fail', async () => {
    const failing = count / 8
    const { onLog, arrived } = awaitLines(count - failing + failing * 3, '"service":"orders"')
    const runtime = await startRuntime({
      handler: 'examples/using-logger.handler',
      workers: 2,
      onLog,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(orders)
      const written = await arrived
      for (const [index, { requestId, status }] of results.entries()) {
        const lines = written.filter((line) => line.requestId === requestId).map(({ text }) => JSON.parse(text))
        // Errors take another way than the other lines, and may overtake them.
        expect(lines.map(({ message }) => message).toSorted()).toEqual(
          status === 'ok' ? ['Added up'] : ['Adding a line', 'Adding a line', expect.stringMatching(/^Uncaught error/)],
        )
        for (const { order } of lines) expect(order).toBe(orders[index]?.id)
      }
      expect(results.filter(({ status }) => status === 'function-error')).toHaveLength(failing)
    } finally {
      await runtime.stop()
    }
  })
})
