import { describe, expect, test } from '@jest/globals'
import { secret, ssm } from 'middy-managed-instances/parameters'
import { failureOf } from './fixtures/failure.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()
const long = 'x'.repeat(8_192)

describe('as text', () => {
  test.each([
    ['nothing', ''],
    ['"0"', '0'],
    ['"false"', 'false'],
    ['"null"', 'null'],
    ['a space', ' '],
    ['8 KB', long],
    ['a character of four bytes', '🙂'],
  ])('%s is just that, fetched once', async (_name, string) => {
    services.backend.secrets.set('text', { string })
    const source = secret('text', { client: services.secrets })
    expect(await source.get()).toBe(string)
    expect(await source.get()).toBe(string)
    expect(source.peek()).toBe(string)
    expect(services.backend.calls.count()).toBe(1)
  })

  test.each([['0'], ['false'], ['null'], [long]])('%.10s is just that as a parameter, fetched once', async (value) => {
    services.backend.parameters.set('/text', { value })
    const source = ssm('/text', { client: services.ssm })
    expect([await source.get(), await source.get()]).toEqual([value, value])
    expect(services.backend.calls.count()).toBe(1)
  })
})

describe('as JSON', () => {
  test.each([
    ['0', 0],
    ['false', false],
    ['null', null],
    ['""', ''],
    [' [1] ', [1]],
    [JSON.stringify(long), long],
    ['{"__proto__":{"polluted":true}}', JSON.parse('{"__proto__":{"polluted":true}}')],
  ])('%.40s is its value, fetched once', async (string, value) => {
    services.backend.secrets.set('json', { string })
    const source = secret<unknown>('json', { client: services.secrets, transform: 'json' })
    expect(await source.get()).toEqual(value)
    expect(await source.get()).toEqual(value)
    expect(services.backend.calls.count()).toBe(1)
    expect({}).not.toHaveProperty('polluted')
  })

  test.each([[''], ['undefined'], ['{'], ["{'a':1}"], [long]])(
    '%.10s is none: an error with the remedy, fetched once',
    async (string) => {
      services.backend.secrets.set('no-json', { string })
      const source = secret('no-json', { client: services.secrets, transform: 'json' })
      for (let read = 0; read < 3; read++) {
        const error = await failureOf(() => source.get())
        expect(error).toMatchObject({ code: 'PARAMETER_TRANSFORM', retryable: false, data: { transform: 'json' } })
        expect(error.message).toMatch(
          /^secret\("no-json"\).*: it is not JSON; its value is not shown, since it may be secret\. Store JSON, or leave transform: 'json' out\.$/,
        )
      }
      expect(services.backend.calls.count()).toBe(1)
    },
  )
})

describe('as bytes', () => {
  test.each([
    ['', []],
    ['AP8=', [0, 255]],
    ['AP8', [0, 255]],
    ['AP8=\n', [0, 255]],
  ])('%p is decoded from base64, fetched once', async (string, bytes) => {
    services.backend.secrets.set('base64', { string })
    const source = secret('base64', { client: services.secrets, transform: 'binary' })
    expect(await source.get()).toEqual(Uint8Array.from(bytes))
    expect(await source.get()).toEqual(Uint8Array.from(bytes))
    expect(services.backend.calls.count()).toBe(1)
  })

  test.each([['A'], ['not base64'], ['AP8*'], ['A===']])('%p is none: an error with the remedy', async (string) => {
    services.backend.secrets.set('no-base64', { string })
    const error = await failureOf(() => secret('no-base64', { client: services.secrets, transform: 'binary' }).get())
    expect(error.message).toMatch(/it is not base64; .* Store it as base64, or leave transform: 'binary' out\.$/)
  })

  test('64 KB of a binary secret are all there', async () => {
    const binary = Uint8Array.from({ length: 65_536 }, (_, index) => index % 251)
    services.backend.secrets.set('large', { binary })
    const bytes = await secret('large', { client: services.secrets, transform: 'binary' }).get()
    expect(Buffer.from(bytes).equals(binary)).toBe(true)
  })
})

test('what does not exist is asked for once', async () => {
  const source = ssm('/none', { client: services.ssm })
  for (let read = 0; read < 3; read++)
    expect(await failureOf(() => source.get())).toMatchObject({ code: 'PARAMETER_MISSING' })
  expect(services.backend.calls.count()).toBe(1)
})
