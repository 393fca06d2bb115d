import { describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { awaitLines } from '../powertools/support/awaited-lines.ts'

const count = 64
const failing = count / 8
const digits = (index: number): string => `${index}`.padStart(4, '0')
const payments = Array.from({ length: count }, (_, index) => ({
  id: `payment-${index}`,
  amount: index % 8 === 0 ? 101 : index,
  payer: { card: `411111111111${digits(index)}`, email: `payer-${index}@example.com` },
}))

describe('examples/using-data-masking', () => {
  it('writes nothing of a card or an address but what is allowed, and answers with the real one', async () => {
    const { onLog, arrived } = awaitLines(count * 2 - failing, '"service":"payments"')
    const runtime = await startRuntime({
      handler: 'examples/using-data-masking.handler',
      workers: 2,
      onLog,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(payments)
      const written = await arrived
      for (const [index, { requestId, status, ...result }] of results.entries()) {
        const { id, amount, payer } = payments[index] as (typeof payments)[number]
        expect(status === 'ok' ? result : {}).toMatchObject(
          amount > 100 ? {} : { payload: { id, receiptTo: payer.email } },
        )
        const masked = { card: `****${digits(index)}`, email: '****@example.com' }
        const lines = written.filter((line) => line.requestId === requestId).map(({ text }) => JSON.parse(text))
        expect(lines).toMatchObject([
          { event: { id, payer: masked } },
          ...(amount > 100 ? [] : [{ payment: id, payer: masked }]),
        ])
      }
      const all = runtime.logs().join('\n')
      for (const { card, email } of payments.map(({ payer }) => payer)) {
        expect(all).not.toContain(card)
        expect(all).not.toContain(email)
      }
    } finally {
      await runtime.stop()
    }
  })
})
