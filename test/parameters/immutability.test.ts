import { randomUUID } from 'node:crypto'
import { types } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { loader, parameters, ssm } from 'middy-managed-instances/parameters'
import { invoke } from 'middy-managed-instances/testing'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()

/** The value as a second request gets it, after a first one has done its worst to it. */
const poisoned = async <T>(value: T, poison: (value: T) => void): Promise<T> => {
  const source = loader(randomUUID(), () => value)
  const handler = middy<unknown, T>(managed())
    .use(parameters({ values: { source } }))
    .handler(async (_event, { parameters }) => parameters.source as T)
  try {
    poison(await invoke(handler, {}))
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
  }
  return invoke(handler, {})
}

describe('what one request does to a value is not seen by another', () => {
  test('in JSON', async () => {
    const value = await poisoned({ a: { b: [1, { c: 2 }] } }, ({ a }) => {
      a.b.push(3)
    })
    expect(value).toEqual({ a: { b: [1, { c: 2 }] } })
    const deeper = await poisoned({ a: { b: [1, { c: 2 }] } }, ({ a }) => {
      ;(a.b[1] as { c: number }).c = 3
    })
    expect(deeper.a.b[1]).toEqual({ c: 2 })
  })

  test('in the object of all values', async () => {
    const source = loader(randomUUID(), () => 'a')
    const handler = middy<unknown, { source: string }>(managed())
      .use(parameters({ values: { source } }))
      .handler(async (_event, { parameters }) => parameters)
    expect(Object.isFrozen(await invoke(handler, {}))).toBe(true)
  })

  test('in bytes', async () => {
    expect(await poisoned(new Uint8Array([1, 2]), (bytes) => bytes.fill(0))).toEqual(new Uint8Array([1, 2]))
  })

  test('in bytes deep in a plain object', async () => {
    const value = await poisoned({ keys: [new Uint8Array([1, 2])] }, ({ keys }) => keys[0]?.fill(0))
    expect(value).toEqual({ keys: [new Uint8Array([1, 2])] })
  })

  test('in a Date', async () => {
    const date = await poisoned(new Date(5), (date) => date.setTime(0))
    expect(types.isDate(date)).toBe(true)
    expect(date.getTime()).toBe(5)
  })

  test('in a Map, and what is in it', async () => {
    const map = await poisoned(new Map([['a', { list: [1] }]]), (map) => {
      map.get('a')?.list.push(2)
      map.set('b', { list: [] })
    })
    expect([...map]).toEqual([['a', { list: [1] }]])
  })

  test('in a Set', async () => {
    expect([...(await poisoned(new Set(['a']), (set) => set.clear()))]).toEqual(['a'])
  })

  test('in bytes beside an instance of a class', async () => {
    class Client {
      readonly name = 'client'
    }
    const client = new Client()
    const value = await poisoned({ client, bytes: new Uint8Array([1]), date: new Date(5) }, ({ bytes, date }) => {
      bytes.fill(0)
      date.setTime(0)
    })
    expect(value.client).toBe(client)
    expect(value.bytes).toEqual(new Uint8Array([1]))
    expect(value.date.getTime()).toBe(5)
  })

  test('by who loaded it, after it has been loaded', async () => {
    const bytes = new Uint8Array([1])
    const source = loader(randomUUID(), () => bytes)
    await source.get()
    bytes.fill(0)
    expect(await source.get()).toEqual(new Uint8Array([1]))
  })
})

describe('a copy is of the same kind', () => {
  test('a Buffer is a Buffer, and nothing of the pool it was cut from', async () => {
    const source = loader(randomUUID(), () => Buffer.from('text'))
    const copy = await source.get()
    expect(copy.toString('utf8')).toBe('text')
    expect(copy.buffer.byteLength).toBe(4)
  })

  test('an instance of a class in a Map is the instance', async () => {
    class Client {
      readonly name = 'client'
    }
    const client = new Client()
    const source = loader(
      randomUUID(),
      () =>
        new Map<string, unknown>([
          ['a', client],
          ['b', () => 'called'],
        ]),
    )
    const map = await source.get()
    expect(map.get('a')).toBe(client)
    expect((map.get('b') as () => string)()).toBe('called')
  })

  test('what points to itself does so', async () => {
    const circle: { self?: unknown; at: Date } = { at: new Date(5) }
    circle.self = circle
    const copy = await loader(randomUUID(), () => circle).get()
    expect(copy.self).toBe(copy)
    expect(copy).not.toBe(circle)
  })

  test.each([
    ['words', new Uint16Array([1, 2])],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer],
    ['a DataView', new DataView(new Uint8Array([1, 2]).buffer)],
  ])('%s', async (_name, value) => {
    const copy = await loader(randomUUID(), () => value).get()
    expect(copy).not.toBe(value)
    expect(Object.prototype.toString.call(copy)).toBe(Object.prototype.toString.call(value))
    expect(copy.byteLength).toBe(value.byteLength)
  })
})

test('JSON is the very same object for all, and stays it while the backend has the same text', async () => {
  services.backend.parameters.set('/json', { value: '{"a":[1]}' })
  const source = ssm<{ a: number[] }>('/json', { client: services.ssm, transform: 'json' })
  const [one, another] = await Promise.all([source.get(), source.get()])
  expect(another).toBe(one)
  expect(Object.isFrozen(one.a)).toBe(true)
  expect(await source.refresh()).toBe(one)
  services.backend.parameters.set('/json', { value: '{"a":[2]}' })
  expect(await source.refresh()).toEqual({ a: [2] })
})
