import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { loader, parameterStats, parameters, ssm } from 'middy-managed-instances/parameters'
import { invoke } from 'middy-managed-instances/testing'
import { ownClock, until } from './fixtures/clock.ts'
import { failureOf } from './fixtures/failure.ts'
import { ownSource, settle } from './fixtures/origin.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()
const clock = ownClock()

describe('refresh()', () => {
  test('fetches anew within the ttl, and the readers after it get that', async () => {
    const { origin, source } = ownSource()
    await source.get()
    origin.value = 'second'
    expect(await source.refresh()).toBe('second')
    expect(await source.get()).toBe('second')
  })

  test('is one fetch for all who ask at the same time', async () => {
    const { origin, source } = ownSource()
    await Promise.all(Array.from({ length: 64 }, () => source.refresh()))
    expect(origin.calls).toBe(1)
  })

  test('does not take the answer of a fetch that was under way before', async () => {
    const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    let calls = 0
    const source = loader(randomUUID(), () => answers[calls++]?.promise)
    const reading = source.get()
    await until(() => calls === 1)
    const refreshing = source.refresh()
    await settle()
    expect(calls).toBe(1)
    answers[0]?.resolve('old')
    expect(await reading).toBe('old')
    await until(() => calls === 2)
    answers[1]?.resolve('new')
    expect(await refreshing).toBe('new')
  })

  test('throws what has failed though an old value is kept, which readers get on', async () => {
    const { origin, source } = ownSource()
    await source.get()
    origin.error = new Error('down')
    expect(await failureOf(() => source.refresh())).toMatchObject({ code: 'PARAMETER_FETCH', data: { attempts: 1 } })
    expect(await source.get()).toBe('first')
  })

  test('asks also while the back-off keeps readers from it', async () => {
    const { origin, source } = ownSource()
    origin.error = new Error('down')
    await failureOf(() => source.get())
    origin.error = undefined
    expect(await source.refresh()).toBe('first')
  })

  test('throws for a new value that its transform does not take, which readers of the old one get on', async () => {
    services.backend.parameters.set('/refresh', { value: '{"v":1}' })
    const source = ssm('/refresh', { client: services.ssm, transform: 'json' })
    await source.get()
    services.backend.parameters.set('/refresh', { value: '{' })
    expect(await failureOf(() => source.refresh())).toMatchObject({ code: 'PARAMETER_TRANSFORM' })
    expect(await source.get()).toEqual({ v: 1 })
  })

  test('is seen by a middleware that keeps its values', async () => {
    const { origin, source } = ownSource()
    const handler = middy<unknown, unknown>(managed())
      .use(parameters({ values: { source } }))
      .handler(async (_event, { parameters }) => parameters.source)
    expect(await invoke(handler, {})).toBe('first')
    origin.value = 'second'
    await source.refresh()
    expect(await invoke(handler, {})).toBe('second')
  })
})

describe('peek()', () => {
  test('is what is kept, never fetches and counts as no read', async () => {
    const { origin, source, key } = ownSource({ ttl: 1_000, staleWhileRevalidate: 500 })
    expect(source.peek()).toBeUndefined()
    await settle()
    expect(origin.calls).toBe(0)
    await source.get()
    expect(source.peek()).toBe('first')
    clock.pass(1_499)
    expect(source.peek()).toBe('first')
    clock.pass(1)
    expect(source.peek()).toBeUndefined()
    await settle()
    expect(origin.calls).toBe(1)
    expect(parameterStats()[key]).toMatchObject({ hits: 0, misses: 1 })
  })
})

describe('parameterStats()', () => {
  test('counts hits, stale hits, misses, refreshes and failures of each source', async () => {
    const { origin, source, key } = ownSource({ ttl: 1_000 })
    await Promise.all([source.get(), source.get()])
    for (let read = 0; read < 3; read++) await source.get()
    clock.pass(1_000)
    await source.get()
    await settle()
    origin.error = new Error('down')
    clock.pass(1_000)
    for (let read = 0; read < 2; read++) {
      await source.get()
      await settle()
    }
    const counts = { hits: 3, staleHits: 3, misses: 2, refreshes: 2, failures: 1, shared: 0 }
    expect(parameterStats()[key]).toEqual(counts)
  })

  test('counts the reads of a middleware that keeps its values', async () => {
    const { source, key } = ownSource({ ttl: 1_000 })
    const handler = middy(managed())
      .use(parameters({ values: { source } }))
      .handler(async () => 'done')
    for (let request = 0; request < 5; request++) await invoke(handler, {})
    expect(parameterStats()[key]).toMatchObject({ misses: 1, hits: 4 })
    clock.pass(1_000)
    for (let request = 0; request < 3; request++) {
      await invoke(handler, {})
      await settle()
    }
    expect(parameterStats()[key]).toMatchObject({ misses: 1, hits: 6, staleHits: 1, refreshes: 2 })
  })
})

test('the diagnostics channel tells of each event as it happens, also of a middleware', async () => {
  const seen: unknown[] = []
  const note = (message: unknown): void => void seen.push(message)
  subscribe('middy-managed-instances.parameters', note)
  try {
    const { origin, source, key } = ownSource({ ttl: 1_000 })
    const handler = middy(managed())
      .use(parameters({ values: { source } }))
      .handler(async () => 'done')
    for (let request = 0; request < 3; request++) await invoke(handler, {})
    clock.pass(1_000)
    origin.error = new Error('down')
    await invoke(handler, {})
    await settle()
    const events = ['miss', 'refresh', 'hit', 'hit', 'staleHit', 'failure']
    expect(seen).toEqual(events.map((event) => ({ event, source: key })))
  } finally {
    unsubscribe('middy-managed-instances.parameters', note)
  }
})
