import { randomUUID } from 'node:crypto'
import { SSMClient } from '@aws-sdk/client-ssm'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { loader, parameters, retryOnAuthFailure, type Source, ssm } from 'middy-managed-instances/parameters'
import { invoke, stub } from 'middy-managed-instances/testing'

const ownSource = () => {
  const key = randomUUID()
  const calls: number[] = []
  const make = () =>
    loader<{ v: number } | undefined>(key, () => {
      calls.push(calls.length)
      return { v: 0 }
    })
  return { source: make(), calls, make }
}

describe('a stub', () => {
  test('is served by get, peek and refresh, and no backend is asked', async () => {
    const { source, calls } = ownSource()
    stub(source, { v: 1 })
    expect([await source.get(), source.peek(), await source.refresh()]).toEqual([{ v: 1 }, { v: 1 }, { v: 1 }])
    expect(calls).toHaveLength(0)
  })

  test('is frozen, as a real value is', async () => {
    const { source } = ownSource()
    stub(source, { v: 1 })
    expect(Object.isFrozen(await source.get())).toBe(true)
  })

  test('is there for everybody who has a source of that name', async () => {
    const { source, make } = ownSource()
    stub(source, { v: 1 })
    expect(await make().get()).toEqual({ v: 1 })
  })

  test('ends with what is returned, and what was kept is back', async () => {
    const { source, calls } = ownSource()
    await source.get()
    const restore = stub(source, { v: 1 })
    expect(await source.get()).toEqual({ v: 1 })
    restore()
    restore()
    expect(await source.get()).toEqual({ v: 0 })
    expect(calls).toHaveLength(1)
  })

  test('may be undefined', async () => {
    const { source, calls } = ownSource()
    stub(source, undefined)
    expect(await source.get()).toBeUndefined()
    expect(calls).toHaveLength(0)
  })

  test('replaces the stub before it', async () => {
    const { source } = ownSource()
    stub(source, { v: 1 })
    stub(source, { v: 2 })
    expect(await source.get()).toEqual({ v: 2 })
  })

  test('is what a handler gets that was made before, and has kept its values', async () => {
    const { source } = ownSource()
    const handler = middy<unknown, unknown>(managed())
      .use(parameters({ values: { source } }))
      .handler(async (_event, { parameters }) => parameters.source)
    expect(await invoke(handler, {})).toEqual({ v: 0 })
    const restore = stub(source, { v: 1 })
    expect(await invoke(handler, {})).toEqual({ v: 1 })
    restore()
    expect(await invoke(handler, {})).toEqual({ v: 0 })
  })

  test('is what a handler gets whose middleware brings a client of its own', async () => {
    const client = new SSMClient({ region: 'us-east-1', endpoint: 'http://127.0.0.1:1', maxAttempts: 1 })
    const bucket = ssm('/stubbed/bucket')
    const made = (values: { bucket: Source<string> } | (() => { bucket: Source<string> })) =>
      middy<unknown, unknown>(managed())
        .use(parameters({ values, client, ttl: 1_000 }))
        .handler(async (_event, { parameters }) => parameters.bucket)
    const before = made({ bucket })
    const restore = stub(bucket, 'test-bucket')
    for (const handler of [before, made({ bucket }), made(() => ({ bucket }))])
      expect(await invoke(handler, {})).toBe('test-bucket')
    restore()
    await expect(invoke(before, {})).rejects.toMatchObject({ code: 'PARAMETER_FETCH' })
    client.destroy()
  })

  test('stays the same for retryOnAuthFailure, which throws the first error then', async () => {
    const { source, calls } = ownSource()
    stub(source, { v: 1 })
    const refused = Object.assign(new Error('refused'), { status: 401 })
    await expect(retryOnAuthFailure(source, () => Promise.reject(refused))).rejects.toBe(refused)
    expect(calls).toHaveLength(0)
  })

  test('is not for something that is no source of this package', () => {
    const foreign: Source<number> = { get: async () => 1, peek: () => 1, refresh: async () => 1 }
    expect(() => stub(foreign, 2)).toThrow(TypeError)
    expect(() => stub(foreign, 2)).toThrow(
      /^stub\(\): expected a source of this package, as ssm\('\/orders\/bucket'\), received /,
    )
    expect(() => stub('/orders/bucket' as unknown as Source<string>, 'x')).toThrow("received '/orders/bucket'.")
  })
})
