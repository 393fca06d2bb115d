import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { parameters, secret, ssm } from 'middy-managed-instances/parameters'
import { invokeConcurrently } from 'middy-managed-instances/testing'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()
const calls = (): { Names: string[]; WithDecryption: boolean }[] =>
  [...services.backend.calls].map(({ request }) => request as { Names: string[]; WithDecryption: boolean })

const named = (prefix: string, count: number): string[] => {
  const names = Array.from({ length: count }, (_, index) => `/${prefix}/${index}`)
  for (const name of names) services.backend.parameters.set(name, { value: name })
  return names
}

const sourcesOf = (names: string[]) =>
  Object.fromEntries(names.map((name) => [name, ssm(name, { client: services.ssm })]))

describe('cold', () => {
  test('64 requests make one call', async () => {
    services.backend.latency = 20
    const handler = middy<unknown, object>(managed())
      .use(parameters({ values: sourcesOf(named('one', 1)) }))
      .handler(async (_event, { parameters }) => parameters)
    const answers = await invokeConcurrently(handler, Array(64).fill({}))
    expect(answers).toEqual(Array(64).fill({ status: 'fulfilled', value: { '/one/0': '/one/0' } }))
    expect(calls()).toHaveLength(1)
  })

  test('requests that come while a call is under way join it', async () => {
    const [name = ''] = named('late', 1)
    services.backend.latency = 30
    const source = ssm(name, { client: services.ssm })
    const first = source.get()
    while (services.backend.calls.inFlight === 0) await new Promise(setImmediate)
    await Promise.all([first, source.get(), ssm(name, { client: services.ssm }).get()])
    expect(calls()).toHaveLength(1)
  })

  test('twelve names make two calls', async () => {
    const handler = middy<unknown, object>(managed())
      .use(parameters({ values: sourcesOf(named('twelve', 12)) }))
      .handler(async (_event, { parameters }) => parameters)
    const answers = await invokeConcurrently(handler, Array(8).fill({}))
    expect(answers.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(calls().map(({ Names }) => Names.length)).toEqual([10, 2])
  })

  test('names of two middlewares, two handlers and a bare get() in one turn travel together', async () => {
    const [a = '', b = '', c = ''] = named('together', 3)
    const handlerOf = (name: string) =>
      middy<unknown, unknown>(managed())
        .use(parameters({ values: sourcesOf([name]) }))
        .handler(async (_event, { parameters }) => parameters[name])
    const [one, another] = [handlerOf(a), handlerOf(b)]
    const answers = await Promise.all([
      invokeConcurrently(one, [{}]),
      invokeConcurrently(another, [{}]),
      Promise.resolve().then(() => ssm(c, { client: services.ssm }).get()),
    ])
    expect(answers[2]).toBe(c)
    expect(calls().map(({ Names }) => Names.toSorted())).toEqual([[a, b, c]])
  })

  test('decrypted and plain ones are apart', async () => {
    const [a = '', b = ''] = named('apart', 2)
    await Promise.all([
      ssm(a, { client: services.ssm }).get(),
      ssm(b, { client: services.ssm, decrypt: false }).get(),
      ssm(a, { client: services.ssm, decrypt: false }).get(),
    ])
    expect(calls().map(({ Names, WithDecryption }) => [WithDecryption, Names.length])).toEqual(
      expect.arrayContaining([
        [true, 1],
        [false, 2],
      ]),
    )
    expect(calls()).toHaveLength(2)
  })
})

describe('in a batch', () => {
  test('a name that does not exist fails alone', async () => {
    const names = named('some', 5)
    const values = [...names, '/some/none'].map((name) => ssm(name, { client: services.ssm }).get())
    const results = await Promise.allSettled(values)
    expect(results.slice(0, 5)).toEqual(names.map((value) => ({ status: 'fulfilled', value })))
    expect(results[5]).toMatchObject({ status: 'rejected', reason: { code: 'PARAMETER_MISSING' } })
    expect(calls()).toHaveLength(1)
  })

  test('a name that the backend refuses fails alone, found by halving', async () => {
    const names = named('refused', 10)
    const bad = names[6] as string
    const sizes: number[] = []
    services.ssm.middlewareStack.add((next) => async (args) => {
      const { Names } = args.input as { Names: string[] }
      sizes.push(Names.length)
      if (Names.includes(bad))
        throw Object.assign(new Error('refused'), { name: 'ValidationException', $fault: 'client' })
      return next(args)
    })
    const results = await Promise.allSettled(names.map((name) => ssm(name, { client: services.ssm }).get()))
    for (const [index, result] of results.entries())
      expect(result).toMatchObject(
        names[index] === bad
          ? { status: 'rejected', reason: { code: 'PARAMETER_FETCH', cause: { message: 'refused' } } }
          : { status: 'fulfilled', value: names[index] },
      )
    expect(sizes).toEqual([10, 5, 5, 2, 3, 1, 1])
  })

  test('a shorter timeout of one ends none of the others', async () => {
    services.backend.latency = 60
    const [a = '', b = ''] = named('timeouts', 2)
    const short = ssm(a, { client: services.ssm, timeout: 20 }).get()
    const long = ssm(b, { client: services.ssm }).get()
    const [ended, brought] = await Promise.allSettled([short, long])
    expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'PARAMETER_FETCH' } })
    expect(brought).toEqual({ status: 'fulfilled', value: b })
  })

  test('an outage is not halved: it has nothing to do with the names', async () => {
    const names = named('outage', 10)
    services.backend.fail('internal error')
    await Promise.allSettled(names.map((name) => ssm(name, { client: services.ssm }).get()))
    expect(calls()).toHaveLength(1)
  })
})

describe('a backend that throttles above ten calls', () => {
  test('fails no request of a cold start with 100 names', async () => {
    services.backend.latency = 20
    services.backend.throttleAbove(10)
    const ids = Array.from({ length: 100 }, (_, index) => `throttled/${index}`)
    for (const id of ids) services.backend.secrets.set(id, { string: id })
    const values = Object.fromEntries(ids.map((id) => [id, secret(id, { client: services.secrets })]))
    const handler = middy<number, number>(managed())
      .use(parameters({ values }))
      .handler(async (_event, { parameters }) => Object.keys(parameters).length)
    const results = await invokeConcurrently(
      handler,
      Array.from({ length: 64 }, (_, event) => event),
    )
    expect(results).toEqual(Array(64).fill({ status: 'fulfilled', value: 100 }))
    expect([...services.backend.calls].some(({ status }) => status === 400)).toBe(true)
  })
})
