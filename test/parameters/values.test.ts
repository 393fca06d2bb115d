import { randomUUID } from 'node:crypto'
import { describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { loader, type ParameterSources, parameterStats, parameters, ssm } from 'middy-managed-instances/parameters'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { collectGarbage } from '../testing/collector.ts'
import { failureOf } from './fixtures/failure.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()

interface TenantEvent {
  readonly tenant: string
}

type ValuesFunction = (request: { readonly event: TenantEvent }) => ParameterSources | Promise<ParameterSources>

const handlerOf = (values: ValuesFunction) =>
  middy<TenantEvent, Record<string, unknown>>(managed())
    .use(parameters({ values }))
    .handler(async (_event, { parameters }) => parameters)

const perTenant: ValuesFunction = ({ event }) => ({
  limit: ssm(`/tenants/${event.tenant}/limit`, { client: services.ssm, transform: (text) => Number(text) }),
})

describe('values as a function of the request', () => {
  test.each([
    ['', perTenant],
    [', asynchronous,', async (request: { event: TenantEvent }) => perTenant(request)],
  ])('%s give each request its own, and fetch each name once', async (_how, values) => {
    services.backend.parameters.set('/tenants/a/limit', { value: '1' })
    services.backend.parameters.set('/tenants/b/limit', { value: '2' })
    const handler = handlerOf(values)
    const events = Array.from({ length: 64 }, (_, index) => ({ tenant: index % 2 ? 'a' : 'b' }))
    for (let burst = 0; burst < 2; burst++) {
      const answers = await invokeConcurrently(handler, events)
      expect(answers).toEqual(
        events.map(({ tenant }) => ({ status: 'fulfilled', value: { limit: tenant === 'a' ? 1 : 2 } })),
      )
    }
    expect(services.backend.calls.count()).toBe(1)
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no tenant'))],
    [
      'rejects',
      () => {
        throw new Error('no tenant')
      },
    ],
  ])('that %s fails the request with just that', async (_how, values) => {
    const error = await failureOf(() => invoke(handlerOf(values), { tenant: 'a' }))
    expect(error.message).toBe('no tenant')
  })

  test.each([[undefined], [null], ['rubbish'], [5], [[]]])(
    'that returns %p is an error that says so',
    async (rubbish) => {
      const handler = handlerOf((() => rubbish) as unknown as ValuesFunction)
      const error = await failureOf(() => invoke(handler, { tenant: 'a' }))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(
        /^parameters\(\): option "values" must be a function that returns an object of sources, received .+\.$/,
      )
    },
  )

  test('that returns something that is no source is an error that names it', async () => {
    const handler = handlerOf((async () => ({ limit: '/tenants/a/limit' })) as unknown as ValuesFunction)
    const error = await failureOf(() => invoke(handler, { tenant: 'a' }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe(
      `parameters(): option "values.limit" must be a source, as ssm("/orders/bucket") or secret("orders/db"), received '/tenants/a/limit'.`,
    )
  })

  test('that returns nothing gives nothing', async () => {
    expect(
      await invoke(
        handlerOf(() => ({})),
        { tenant: 'a' },
      ),
    ).toEqual({})
  })

  test('leave nothing behind of each request', async () => {
    const name = randomUUID()
    const handler = handlerOf(() => ({ value: loader(name, () => 'x') }))
    await invoke(handler, { tenant: 'a' })
    const before = await heapAfter(async () => {
      for (let request = 0; request < 500; request++) await handler({ tenant: 'a' }, {} as never)
    })
    const after = await heapAfter(async () => {
      for (let request = 0; request < 5_000; request++) await handler({ tenant: 'a' }, {} as never)
    })
    expect(after - before).toBeLessThan(1_000_000)
    expect(parameterStats()[`loader("${name}")`]).toMatchObject({ hits: 5_500, misses: 1 })
  })

  test('keep 10,000 names at most, and reject none of more', async () => {
    const load = jest.fn(() => 'x')
    const handler = handlerOf(({ event }) => ({ value: loader(`bounded/${event.tenant}`, load) }))
    const events = Array.from({ length: 10_100 }, (_, tenant) => ({ tenant: `${tenant}` }))
    const answers = await invokeConcurrently(handler, events)
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(Object.keys(parameterStats()).length).toBeLessThanOrEqual(10_000)
    expect(load).toHaveBeenCalledTimes(10_100)
  })
})

test('a name that 10,000 others push out while it is fetched is still fetched once', async () => {
  const answer = Promise.withResolvers<string>()
  const load = jest.fn(() => answer.promise)
  const name = randomUUID()
  const first = loader(name, load).get()
  for (let other = 0; other < 10_001; other++) loader(`other/${other}`, load).peek()
  const second = loader(name, load).get()
  answer.resolve('x')
  expect(await Promise.all([first, second])).toEqual(['x', 'x'])
  expect(load).toHaveBeenCalledTimes(1)
})

/** The bytes in use once `work` is done and what it left has been collected. */
const heapAfter = async (work: () => Promise<void>): Promise<number> => {
  await work()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('two sources of one name', () => {
  test('with other closures of the same text are one', async () => {
    services.backend.parameters.set('/twice', { value: '5' })
    const make = () => ssm('/twice', { client: services.ssm, transform: (text) => Number(text) })
    expect(await Promise.all([make().get(), make().get()])).toEqual([5, 5])
    expect(services.backend.calls.count()).toBe(1)
  })

  test('may make of one value what each request is about', async () => {
    services.backend.parameters.set('/limits', { value: '{"a":1,"b":2}' })
    const handler = handlerOf(({ event }) => ({
      limit: ssm('/limits', { client: services.ssm, transform: (text) => JSON.parse(text)[event.tenant] }),
    }))
    const events = Array.from({ length: 64 }, (_, index) => ({ tenant: index % 2 ? 'a' : 'b' }))
    for (let burst = 0; burst < 2; burst++) {
      const answers = await invokeConcurrently(handler, events)
      expect(answers).toEqual(
        events.map(({ tenant }) => ({ status: 'fulfilled', value: { limit: tenant === 'a' ? 1 : 2 } })),
      )
    }
    expect(services.backend.calls.count()).toBe(1)
  })

  test('with different transforms are an error that names both', () => {
    const client = services.ssm
    ssm('/conflict', { client, transform: 'json' })
    expect(() => ssm('/conflict', { client, transform: 'binary' })).toThrow(TypeError)
    expect(() => ssm('/conflict', { client, transform: 'binary' })).toThrow(
      /^ssm\("\/conflict"\).*: two sources have different transforms \('json' and 'binary'\), and one value is kept for both\. Make one source/,
    )
    expect(() => ssm('/conflict', { client, transform: Number })).toThrow("('json' and the function Number)")
  })

  test('one of which has no transform are an error at the first read', async () => {
    const client = services.ssm
    services.backend.parameters.set('/conflict', { value: '1' })
    ssm('/conflict', { client, transform: 'json' })
    const error = await failureOf(() => ssm('/conflict', { client }).get())
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain("('json' and none)")
  })

  test.each([
    ['of one name', JSON.parse, Date.parse],
    ['bound anew', ((text: string) => text).bind(1), ((text: string) => text.length).bind(2)],
  ])('with different native functions %s are an error', (_how, one, another) => {
    const name = randomUUID()
    ssm(name, { client: services.ssm, transform: one as () => unknown })
    expect(() => ssm(name, { client: services.ssm, transform: another as () => unknown })).toThrow(TypeError)
  })

  test('with one native function are one', () => {
    const name = randomUUID()
    for (let time = 0; time < 2; time++) ssm(name, { client: services.ssm, transform: JSON.parse })
  })
})
