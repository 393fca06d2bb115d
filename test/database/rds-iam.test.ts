import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { rdsIam } from 'middy-managed-instances/database'
import { failureOf } from './support/server.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
const options = { hostname: 'orders.example.com', username: 'orders', region: 'eu-central-1', credentials }
const minute = 60_000

beforeEach(() => {
  jest.useFakeTimers({
    now: Date.UTC(2026, 0, 1),
    doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'],
  })
})

afterEach(() => {
  jest.useRealTimers()
})

describe('rdsIam()', () => {
  test('signs a token for the host, port and user', async () => {
    const { username, password } = await rdsIam({ ...options, port: 6543 }).get()
    expect(username).toBe('orders')
    const url = new URL(`https://${password}`)
    expect([url.hostname, url.port]).toEqual(['orders.example.com', '6543'])
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'connect',
      DBUser: 'orders',
      'X-Amz-Expires': '900',
      'X-Amz-Credential': expect.stringContaining('eu-central-1/rds-db'),
    })
  })

  test('makes one token for all that ask at the same time, and serves it for ten minutes', async () => {
    const source = rdsIam(options)
    expect(source.peek()).toBeUndefined()
    const [first, ...others] = await Promise.all([source.get(), source.get(), source.get()])
    jest.setSystemTime(Date.now() + 10 * minute)
    for (const login of [...others, await source.get(), source.peek()]) expect(login).toBe(first)
  })

  test('makes the next one ahead of its 15 minutes, without anybody waiting', async () => {
    const source = rdsIam(options)
    const first = await source.get()
    jest.setSystemTime(Date.now() + 11 * minute)
    expect(await source.get()).toBe(first)
    await source.refresh()
    expect((await source.get()).password).not.toBe(first.password)
  })

  test('serves none that is about to expire', async () => {
    const source = rdsIam(options)
    const first = await source.get()
    jest.setSystemTime(Date.now() + 14 * minute)
    expect(source.peek()).toBeUndefined()
    expect(await source.get()).not.toBe(first)
  })

  test('fails where no credentials are to be had, and signs once there are', async () => {
    let denied = true
    const source = rdsIam({
      ...options,
      credentials: async () => {
        if (denied) throw new Error('no role')
        return credentials
      },
    })
    expect(await failureOf(() => source.get())).toMatchObject({ message: 'no role' })
    denied = false
    expect((await source.get()).username).toBe('orders')
  })

  test('refuses wrong options', () => {
    expect(() => rdsIam({ ...options, hostname: '' })).toThrow('rdsIam(): option "hostname" must be')
    expect(() => rdsIam({ ...options, port: 0 })).toThrow(
      'rdsIam(): option "port" must be a whole number from 1 to 65535',
    )
    expect(() => rdsIam({ ...options, host: 'a' } as never)).toThrow('unknown option "host"')
  })
})
