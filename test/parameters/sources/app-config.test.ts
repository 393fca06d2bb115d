import { beforeEach, describe, expect, test } from '@jest/globals'
import { appConfig, ParameterMissingError } from 'middy-managed-instances/parameters'
import { ownClock, until } from '../fixtures/clock.ts'
import { failureOf } from '../fixtures/failure.ts'
import { ownServices } from '../fixtures/services.ts'

const services = ownServices()
const clock = ownClock()
const address = { application: 'orders', environment: 'production', profile: 'flags' }
const ttl = 60_000

const deploy = (content: string | Uint8Array, others: { contentType?: string; pollInterval?: number } = {}): void =>
  services.backend.configurations.set(address, { content, ...others })
const source = () => appConfig<{ v: number }>({ ...address, client: services.appConfig, transform: 'json', ttl })
const operations = (): string[] => [...services.backend.calls].map(({ operation }) => operation)
const polls = (): number => services.backend.calls.count({ operation: 'GetLatestConfiguration' })
const sessions = (): number => services.backend.calls.count({ operation: 'StartConfigurationSession' })
const landed = (): Promise<void> => until(() => services.backend.calls.inFlight === 0)

beforeEach(() => deploy('{"v":1}'))

/** Reads what is due, and again when that has been answered. */
const reread = async <T>(read: () => Promise<T>): Promise<T> => {
  const before = polls()
  await read()
  await until(() => polls() > before)
  await landed()
  await new Promise(setImmediate)
  return read()
}

describe('a configuration', () => {
  test('is polled in one session, with each token used once', async () => {
    const flags = source()
    expect(await flags.get()).toEqual({ v: 1 })
    for (const v of [2, 3, 4]) {
      deploy(`{"v":${v}}`)
      clock.pass(ttl + 1)
      expect(await reread(() => flags.get())).toEqual({ v })
    }
    expect(operations()).toEqual(['StartConfigurationSession', ...Array(4).fill('GetLatestConfiguration')])
    const tokens = [...services.backend.calls].flatMap(({ request }) =>
      'ConfigurationToken' in request ? [request.ConfigurationToken] : [],
    )
    expect(new Set(tokens).size).toBe(4)
  })

  test('is asked for by 64 at once in one session and one poll', async () => {
    const flags = source()
    const values = await Promise.all(Array.from({ length: 64 }, () => flags.get()))
    expect(new Set(values).size).toBe(1)
    expect(operations()).toEqual(['StartConfigurationSession', 'GetLatestConfiguration'])
  })

  test('stays the very same while an empty body says it is unchanged', async () => {
    const flags = source()
    const first = await flags.get()
    clock.pass(ttl + 1)
    expect(await reread(() => flags.get())).toBe(first)
    expect(polls()).toBe(2)
    clock.pass(ttl - 1)
    expect(await flags.get()).toBe(first)
    expect(polls()).toBe(2)
  })

  test("is not polled before the server's interval, whatever the ttl", async () => {
    deploy('{"v":1}', { pollInterval: 300 })
    const flags = source()
    await flags.get()
    clock.pass(299_000)
    expect(await flags.get()).toEqual({ v: 1 })
    await landed()
    expect(polls()).toBe(1)
    deploy('{"v":2}', { pollInterval: 300 })
    clock.pass(1_001)
    expect(await reread(() => flags.get())).toEqual({ v: 2 })
    expect(sessions()).toBe(1)
  })

  test("is not polled before the server's interval by refresh() either", async () => {
    const flags = source()
    await flags.get()
    deploy('{"v":2}')
    clock.pass(ttl - 1_000)
    expect(await flags.refresh()).toEqual({ v: 1 })
    expect(polls()).toBe(1)
    clock.pass(1_001)
    expect(await flags.refresh()).toEqual({ v: 2 })
    expect(operations()).toEqual(['StartConfigurationSession', 'GetLatestConfiguration', 'GetLatestConfiguration'])
  })

  test('asks for the interval of its ttl, at least 15 seconds', async () => {
    await appConfig({ ...address, client: services.appConfig, ttl: 1_000 }).get()
    expect([...services.backend.calls][0]?.request).toMatchObject({ RequiredMinimumPollIntervalInSeconds: 15 })
  })

  test('starts a new session when the answer to its token was lost', async () => {
    const flags = source()
    await flags.get()
    deploy('{"v":2}')
    clock.pass(ttl + 1)
    services.backend.fail(
      { error: 'BadRequestException', message: 'Corrupted' },
      { operation: 'GetLatestConfiguration', times: 1 },
    )
    expect(await flags.refresh()).toEqual({ v: 2 })
    expect(sessions()).toBe(2)
    clock.pass(ttl + 1)
    deploy('{"v":3}')
    expect(await flags.refresh()).toEqual({ v: 3 })
    expect(sessions()).toBe(2)
  })

  test('goes on in its session after an outage', async () => {
    const flags = source()
    await flags.get()
    clock.pass(ttl + 1)
    services.backend.fail('internal error', { times: 1 })
    expect(await failureOf(() => flags.refresh())).toMatchObject({ code: 'PARAMETER_FETCH' })
    expect(await flags.get()).toEqual({ v: 1 })
    deploy('{"v":2}')
    expect(await flags.refresh()).toEqual({ v: 2 })
    expect(sessions()).toBe(1)
  })

  test('is text without a transform, and bytes if its content type is no text', async () => {
    deploy('a: 1', { contentType: 'application/x-yaml' })
    expect(await appConfig({ ...address, client: services.appConfig }).get()).toBe('a: 1')
    services.backend.configurations.set(
      { ...address, profile: 'image' },
      {
        content: new Uint8Array([1, 2]),
        contentType: 'application/octet-stream',
      },
    )
    const image = appConfig({ ...address, profile: 'image', client: services.appConfig, transform: 'binary' })
    expect(await image.get()).toEqual(new Uint8Array([1, 2]))
  })

  test('that is not deployed does not exist', async () => {
    const none = appConfig({ ...address, profile: 'none', client: services.appConfig })
    expect(await failureOf(() => none.get())).toBeInstanceOf(ParameterMissingError)
  })
})
