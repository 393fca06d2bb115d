import { afterEach, describe, expect, it } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { barrier, expectNoLeaks, invokeConcurrently, stub } from 'middy-managed-instances/testing'
import { startBackend } from '../../examples/backend/backend.ts'
import { flags, handler } from '../../examples/using-feature-flags.ts'

const count = 64
const events = Array.from({ length: count }, (_, index) => ({ tenant: `tenant-${index}`, price: 100 + index }))
const discounted = events.filter((_, index) => index % 2 === 0).map(({ tenant }) => tenant)
const deployed = {
  discount: { enabled: true, percent: 10, tenants: discounted },
  giftWrap: { enabled: true },
} as const
const answers = events.map(({ price }, index) => ({
  price: index % 2 === 0 ? (price * 90) / 100 : price,
  giftWrap: true,
}))

describe('examples/using-feature-flags', () => {
  afterEach(() => expectNoLeaks())

  it('goes without the attributes of a flag that is off', async () => {
    const restore = stub(flags, { discount: { enabled: false }, giftWrap: { enabled: false } })
    try {
      const [result] = await invokeConcurrently(handler, events.slice(0, 1))
      expect(result).toEqual({ status: 'fulfilled', value: { price: 100, giftWrap: false } })
    } finally {
      restore()
    }
  })

  it('prices each of 64 overlapping requests by the flags of its own tenant, which none can change', async () => {
    const restore = stub(flags, deployed)
    try {
      const meet = barrier(count)
      handler.before(meet)
      const results = await invokeConcurrently(handler, events)
      expect(results).toEqual(answers.map((value) => ({ status: 'fulfilled', value })))
      const { discount } = await flags.get()
      expect(discount.enabled && Reflect.set(discount.tenants, 0, 'another')).toBe(false)
    } finally {
      restore()
    }
  })

  it('asks AppConfig once for all workers of the real runtime', async () => {
    const backend = await startBackend({ latency: 100 })
    backend.configurations.set(
      { application: 'shop', environment: 'production', profile: 'flags' },
      { content: JSON.stringify(deployed) },
    )
    const runtime = await startRuntime({
      handler: 'examples/using-feature-flags.handler',
      workers: 4,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: backend.env,
      privateTmp: true,
    })
    try {
      const results = await runtime.burst(events)
      expect(results).toMatchObject(answers.map((payload) => ({ status: 'ok', payload })))
      expect(backend.calls.count({ operation: 'GetLatestConfiguration' })).toBe(1)
    } finally {
      await runtime.stop()
      await backend.stop()
    }
  })
})
