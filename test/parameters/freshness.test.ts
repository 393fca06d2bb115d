import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import {
  type CacheOptions,
  loader,
  ParameterFetchError,
  ParameterMissingError,
  ssm,
} from 'middy-managed-instances/parameters'
import { ownClock, until } from './fixtures/clock.ts'
import { failureOf } from './fixtures/failure.ts'
import { ownSource, settle } from './fixtures/origin.ts'
import { ownServices } from './fixtures/services.ts'

const clock = ownClock()
const services = ownServices()
const minute = 60_000
const down = new Error('down')

afterEach(() => {
  jest.restoreAllMocks()
})

describe('within its ttl a value', () => {
  test('is served without a call, up to the last millisecond', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 0 })
    await source.get()
    origin.value = 'second'
    clock.pass(999)
    expect(await source.get()).toBe('first')
    expect(origin.calls).toBe(1)
    clock.pass(1)
    expect(await source.get()).toBe('second')
    expect(origin.calls).toBe(2)
  })

  test('counts from the start of its fetch', async () => {
    const answer = Promise.withResolvers<string>()
    let calls = 0
    const load = (): unknown => (++calls === 1 ? answer.promise : 'second')
    const source = loader(randomUUID(), load, { ttl: 1_000, staleWhileRevalidate: 0 })
    const reading = source.get()
    await until(() => calls === 1)
    clock.pass(400)
    answer.resolve('first')
    expect(await reading).toBe('first')
    clock.pass(599)
    expect(await source.get()).toBe('first')
    clock.pass(1)
    expect(await source.get()).toBe('second')
  })

  test('that took longer than its ttl to fetch still serves who waited for it', async () => {
    const answer = Promise.withResolvers<string>()
    let calls = 0
    const load = (): unknown => (++calls === 1 ? answer.promise : 'second')
    const source = loader(randomUUID(), load, { ttl: 1_000, staleWhileRevalidate: 0 })
    const reading = source.get()
    await until(() => calls === 1)
    clock.pass(2_000)
    answer.resolve('first')
    expect(await reading).toBe('first')
    expect(await source.get()).toBe('second')
  })

  test('is fetched for every read with a ttl of 0', async () => {
    const { origin, source } = ownSource({ ttl: 0 })
    await source.get()
    origin.value = 'second'
    expect(await source.get()).toBe('second')
    expect(origin.calls).toBe(2)
  })

  test('is kept for 5 minutes by default, and served for as long again while the next one comes', async () => {
    const { origin, source } = ownSource()
    await source.get()
    origin.value = 'second'
    clock.pass(5 * minute - 1)
    await source.get()
    await settle()
    expect(origin.calls).toBe(1)
    clock.pass(1)
    expect(await source.get()).toBe('first')
    await settle()
    expect(await source.get()).toBe('second')
    origin.value = 'third'
    clock.pass(10 * minute)
    expect(await source.get()).toBe('third')
  })
})

describe('after its ttl a value', () => {
  test('is served at once while one fetch brings the next', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 500 })
    await source.get()
    origin.value = 'second'
    clock.pass(1_499)
    const values = await Promise.all(Array.from({ length: 64 }, () => source.get()))
    expect(new Set(values)).toEqual(new Set(['first']))
    await settle()
    expect(origin.calls).toBe(2)
    expect(await source.get()).toBe('second')
  })

  test('is waited for beyond staleWhileRevalidate', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 500 })
    await source.get()
    origin.value = 'second'
    clock.pass(1_500)
    expect(source.peek()).toBeUndefined()
    expect(await source.get()).toBe('second')
  })

  test('is not asked for when nobody reads it', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, refreshAhead: 900 })
    await source.get()
    for (let ttl = 0; ttl < 3; ttl++) {
      clock.pass(1_000)
      await settle()
    }
    expect(origin.calls).toBe(1)
  })
})

describe('refreshAhead', () => {
  test('has a read fetch the next value within the ttl, within a quarter of jitter', async () => {
    const { origin, source } = ownSource({ ttl: 10_000, refreshAhead: 4_000, staleWhileRevalidate: 0 })
    await source.get()
    clock.pass(5_999)
    await source.get()
    await settle()
    expect(origin.calls).toBe(1)
    clock.pass(1_001)
    origin.value = 'second'
    expect(await source.get()).toBe('first')
    await settle()
    expect(origin.calls).toBe(2)
    expect(await source.get()).toBe('second')
  })

  test('keeps the value while it fails, and calls no more than the back-off lets it', async () => {
    const { origin, source } = ownSource({ ttl: 10_000, refreshAhead: 5_000, staleIfError: 0, staleWhileRevalidate: 0 })
    await source.get()
    origin.error = down
    clock.pass(9_000)
    for (let read = 0; read < 10; read++) {
      expect(await source.get()).toBe('first')
      await settle()
    }
    expect(origin.calls).toBe(2)
  })
})

describe('while fetches fail', () => {
  test('the old value is served up to staleIfError beyond ttl, and then an error that names source, age and cause', async () => {
    const { origin, source, key } = ownSource({ ttl: 1_000, staleWhileRevalidate: 100, staleIfError: 60_000 })
    await source.get()
    origin.error = down
    clock.pass(1_050)
    expect(await source.get()).toBe('first')
    await settle()
    clock.pass(59_949)
    expect(await source.get()).toBe('first')
    await settle()
    clock.pass(1)
    const error = await failureOf(() => source.get())
    expect(error).toBeInstanceOf(ParameterFetchError)
    expect(error).toMatchObject({ cause: down, data: { source: key, age: 61_000 } })
    expect(error.message).toContain(`${key}: `)
    expect(error.message).toContain('(Error: down), and the value kept is 61.0 s old, which is too old to serve')
    expect(source.peek()).toBeUndefined()
  })

  test('who would have waited gets the old value if it may still be served', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 0, staleIfError: 60_000 })
    await source.get()
    origin.error = down
    clock.pass(1_000)
    expect(await source.get()).toBe('first')
  })

  test('an old value is as old as the last fetch that brought it, unchanged as it was', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 0, staleIfError: 2_000 })
    await source.get()
    clock.pass(1_000)
    await source.get()
    origin.error = down
    clock.pass(3_000)
    expect(await failureOf(() => source.get())).toMatchObject({ data: { age: 3_000 } })
  })

  test('staleIfError of 0 ends with the ttl', async () => {
    const { origin, source } = ownSource({ ttl: 1_000, staleWhileRevalidate: 0, staleIfError: 0 })
    await source.get()
    origin.error = down
    clock.pass(1_000)
    expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterFetchError)
  })

  test('an outage of an hour is bridged by default', async () => {
    const { origin, source } = ownSource()
    await source.get()
    origin.error = down
    clock.pass(5 * minute)
    await source.get()
    await settle()
    clock.pass(60 * minute - 1)
    expect(await source.get()).toBe('first')
    await settle()
    clock.pass(1)
    await failureOf(() => source.get())
  })
})

describe('while a fetch hangs', () => {
  const hang = (options: CacheOptions) => {
    const next = Promise.withResolvers<string>()
    let calls = 0
    const source = loader(randomUUID(), () => (++calls === 1 ? 'first' : next.promise), options)
    return { source, next, calls: () => calls }
  }

  test('who waits for it gets the old value after a second, and who comes then at once', async () => {
    const { source, next, calls } = hang({ ttl: 2_000, staleWhileRevalidate: 0, staleIfError: 10_000 })
    await source.get()
    clock.pass(5_000)
    const waiting = source.get()
    await until(() => calls() === 2)
    clock.pass(1_000)
    expect(await source.get()).toBe('first')
    expect(source.peek()).toBe('first')
    expect(await waiting).toBe('first')
    next.resolve('second')
    await settle()
    expect(await source.get()).toBe('second')
    expect(calls()).toBe(2)
  })

  test('nothing is served that would be too old by then', async () => {
    const { source, next, calls } = hang({ ttl: 1_000, staleWhileRevalidate: 0, staleIfError: 1_500 })
    await source.get()
    clock.pass(2_000)
    const waiting = source.get()
    await until(() => calls() === 2)
    clock.pass(1_000)
    next.resolve('second')
    expect(await waiting).toBe('second')
  })
})

describe('after a failure', () => {
  test.each([
    ['the least', 0, [500, 1_000, 2_000, 4_000, 5_000, 5_000]],
    ['the most', 1 - Number.EPSILON, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]],
  ])('the next fetch waits twice as long each time, with %s of jitter', async (_name, random, steps) => {
    jest.spyOn(Math, 'random').mockReturnValue(random)
    const { origin, source } = ownSource()
    origin.error = down
    let calls = 0
    for (const step of steps) {
      await failureOf(() => source.get())
      expect(origin.calls).toBe(++calls)
      clock.pass(step - 1)
      await failureOf(() => source.get())
      expect(origin.calls).toBe(calls)
      clock.pass(1)
    }
    expect(await failureOf(() => source.get())).toMatchObject({ data: { attempts: steps.length + 1 } })
  })

  test('it recovers within one step, and the next failure starts over', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0)
    const { origin, source } = ownSource({ ttl: 1_000, staleIfError: 0, staleWhileRevalidate: 0 })
    origin.error = down
    for (let failure = 0; failure < 5; failure++) {
      await failureOf(() => source.get())
      clock.pass(10_000)
    }
    origin.error = undefined
    expect(await source.get()).toBe('first')
    origin.error = down
    clock.pass(1_000)
    expect(await failureOf(() => source.get())).toMatchObject({ data: { attempts: 1, retryIn: 500 } })
  })

  test('100 reads during an outage make one call a step', async () => {
    const { origin, source } = ownSource({ ttl: 1_000 })
    await source.get()
    origin.error = down
    clock.pass(1_000)
    for (let read = 0; read < 100; read++) {
      expect(await source.get()).toBe('first')
      await settle()
    }
    expect(origin.calls).toBe(2)
  })
})

describe('what does not exist', () => {
  test('is not asked for again for negativeTtl, 10 seconds by default, and found once it has been created', async () => {
    const source = ssm('/later', { client: services.ssm })
    expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterMissingError)
    services.backend.parameters.set('/later', { value: 'here' })
    clock.pass(9_999)
    expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterMissingError)
    expect(services.backend.calls.count()).toBe(1)
    clock.pass(1)
    expect(await source.get()).toBe('here')
    services.backend.parameters.delete('/later')
  })

  test('is asked for each time with a negativeTtl of 0', async () => {
    const source = ssm('/never', { client: services.ssm, negativeTtl: 0 })
    for (let read = 1; read <= 3; read++) {
      expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterMissingError)
      expect(services.backend.calls.count()).toBe(read)
    }
  })

  test('is not served from before: it was deleted', async () => {
    services.backend.parameters.set('/deleted', { value: 'here' })
    const source = ssm('/deleted', { client: services.ssm, ttl: 1_000 })
    await source.get()
    services.backend.parameters.delete('/deleted')
    clock.pass(1_000)
    expect(await failureOf(() => source.refresh())).toBeInstanceOf(ParameterMissingError)
    expect(source.peek()).toBeUndefined()
    expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterMissingError)
  })

  test('is not served from before when it comes back broken', async () => {
    services.backend.parameters.set('/back', { value: '{"v":1}' })
    const source = ssm('/back', { client: services.ssm, transform: 'json' })
    await source.get()
    services.backend.parameters.delete('/back')
    await failureOf(() => source.refresh())
    services.backend.parameters.set('/back', { value: '{broken' })
    await failureOf(() => source.refresh())
    expect(await failureOf(() => source.get())).toMatchObject({ code: 'PARAMETER_TRANSFORM' })
  })

  test('is what the outage after it is told of', async () => {
    const source = ssm('/outage', { client: services.ssm, negativeTtl: 1_000 })
    await failureOf(() => source.get())
    services.backend.fail('internal error')
    clock.pass(1_000)
    expect(await failureOf(() => source.get())).toBeInstanceOf(ParameterFetchError)
  })
})

describe('a new value that its transform does not take', () => {
  test('leaves the old one in place up to staleIfError, fetched again each ttl', async () => {
    services.backend.parameters.set('/broken', { value: '{"v":1}' })
    const options = { ttl: 1_000, staleWhileRevalidate: 0, staleIfError: 5_000 }
    const source = ssm('/broken', { client: services.ssm, transform: 'json', ...options })
    await source.get()
    services.backend.parameters.set('/broken', { value: '{broken' })
    clock.pass(1_000)
    expect(await source.get()).toEqual({ v: 1 })
    expect(services.backend.calls.count()).toBe(2)
    for (let read = 0; read < 5; read++) {
      expect(await source.get()).toEqual({ v: 1 })
      await settle()
    }
    expect(services.backend.calls.count()).toBe(2)
    clock.pass(5_000)
    expect(await failureOf(() => source.get())).toMatchObject({ code: 'PARAMETER_TRANSFORM' })
    services.backend.parameters.set('/broken', { value: '{"v":2}' })
    clock.pass(1_000)
    expect(await source.get()).toEqual({ v: 2 })
  })
})

test('a clock that is set back by an hour keeps nothing from being fetched', async () => {
  const { origin, source } = ownSource({ ttl: 1_000 })
  await source.get()
  clock.pass(-60 * minute)
  origin.value = 'second'
  expect(await source.refresh()).toBe('second')
  clock.pass(1_000)
  origin.value = 'third'
  await source.get()
  await settle()
  expect(await source.get()).toBe('third')
})
