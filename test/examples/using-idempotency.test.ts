import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import { Database } from '../idempotency/support/database.ts'

const payments = Array.from({ length: 64 }, (_, index) => ({ orderId: `order-${index % 8}`, amount: 30 }))

describe('examples/using-idempotency', () => {
  const database = new Database()
  let runtime: LocalRuntime

  beforeAll(async () => {
    await database.start()
    runtime = await startRuntime({
      handler: 'examples/using-idempotency.handler',
      workers: 4,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: {
        AWS_ENDPOINT_URL_DYNAMODB: database.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'EXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'EXAMPLE',
      },
      privateTmp: true,
    })
  })
  afterAll(async () => {
    await runtime?.stop()
    await database.stop()
  })

  it('charges each order once, and tells everybody the same payment', async () => {
    const first = await runtime.burst(payments)
    const again = await runtime.burst(payments)
    const paymentOf = new Map<string, unknown>()
    for (const [index, result] of again.entries()) {
      const { orderId } = payments[index] as { orderId: string }
      if (result.status !== 'ok') throw new Error(JSON.stringify(result))
      if (!paymentOf.has(orderId)) paymentOf.set(orderId, result.payload)
      expect(result.payload).toEqual(paymentOf.get(orderId))
    }
    expect(new Set([...paymentOf.values()].map((payment) => JSON.stringify(payment))).size).toBe(8)
    for (const [index, result] of first.entries())
      if (result.status === 'ok') expect(result.payload).toEqual(paymentOf.get(payments[index]?.orderId as string))
      else expect(result.error).toMatchObject({ errorType: 'IdempotencyAlreadyInProgressError' })
  })

  it('refuses another amount for the same order, and a payment without one', async () => {
    await runtime.invoke({ orderId: 'order-a', amount: 30 })
    const changed = await runtime.invoke({ orderId: 'order-a', amount: 31 })
    expect(changed).toMatchObject({ status: 'function-error', error: { errorType: 'IdempotencyValidationError' } })
    const unnamed = await runtime.invoke({ amount: 30 })
    expect(unnamed).toMatchObject({ status: 'function-error', error: { errorType: 'IdempotencyKeyError' } })
  })
})
