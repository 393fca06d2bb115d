import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { expect, jest, test } from '@jest/globals'
import { currentScope } from 'middy-managed-instances'
import { loader } from 'middy-managed-instances/parameters'
import { failureOf } from '../fixtures/failure.ts'

const boom = (): never => {
  throw new RangeError('out of range')
}

test.each([
  ['throws', boom],
  ['rejects', async () => boom()],
])('one that %s is an error with that as its cause, and is called once', async (_how, load) => {
  const counted = jest.fn(load)
  const source = loader(randomUUID(), counted)
  const error = await failureOf(() => source.get())
  expect(error).toMatchObject({
    code: 'PARAMETER_FETCH',
    retryable: true,
    cause: { name: 'RangeError', message: 'out of range' },
    data: { attempts: 1, age: undefined },
  })
  expect(error.message).toMatch(
    /^loader\(".+"\): the fetch failed \(RangeError: out of range\), and no value is kept\. It is fetched again in .* at the earliest\./,
  )
  await failureOf(() => source.get())
  expect(counted).toHaveBeenCalledTimes(1)
})

test('one that never settles ends at its own timeout, and its signal aborts', async () => {
  let signal: AbortSignal | undefined
  const source = loader(
    randomUUID(),
    (call) => {
      signal = call.signal
      return new Promise(() => {})
    },
    { timeout: 20 },
  )
  const error = await failureOf(() => source.get())
  expect(error).toMatchObject({ code: 'PARAMETER_FETCH', cause: { name: 'TimeoutError' } })
  expect(error.message).toContain('There was no answer within its timeout of 20 ms.')
  expect(signal?.aborted).toBe(true)
})

test('one that answers after its timeout changes nothing', async () => {
  const late = Promise.withResolvers<string>()
  const source = loader(randomUUID(), () => late.promise, { timeout: 5 })
  await failureOf(() => source.get())
  late.resolve('late')
  await late.promise
  expect(source.peek()).toBeUndefined()
})

test.each([
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['nothing', ''],
  ['NaN', Number.NaN],
])('%s is a value, loaded once', async (_name, value) => {
  const load = jest.fn(() => value)
  const source = loader(randomUUID(), load)
  expect(await source.get()).toBe(value)
  expect(await source.get()).toBe(value)
  expect(load).toHaveBeenCalledTimes(1)
})

test('it runs outside any request, and outside the async context of who asked', async () => {
  const storage = new AsyncLocalStorage<string>()
  const source = loader(randomUUID(), () => [storage.getStore(), currentScope()])
  expect(await storage.run('a request', () => source.get())).toEqual([undefined, undefined])
})

test('an instance of a class is handed out as it is', async () => {
  class Pool {
    readonly size = 3
  }
  const pool = new Pool()
  const source = loader(randomUUID(), () => pool)
  expect(await source.get()).toBe(pool)
  expect(Object.isFrozen(pool)).toBe(false)
})

test('a key is one value, whichever object asks', async () => {
  const key = randomUUID()
  expect(await loader(key, () => 'first').get()).toBe('first')
  expect(await loader(key, () => 'second').get()).toBe('first')
})

test('a transform makes the value of what was loaded', async () => {
  const source = loader(randomUUID(), async () => ['a', 'b'], { transform: (names) => names.length })
  expect(await source.get()).toBe(2)
})

test('the namespace of a module is a value', async () => {
  const source = loader(randomUUID(), () => import('../fixtures/failure.ts'))
  expect((await source.get()).failureOf).toBe(failureOf)
})

test('a transform that returns a promise is an error that says what to do', async () => {
  const source = loader(randomUUID(), () => 'x', { transform: async (text) => text })
  const error = await failureOf(() => source.get())
  expect(error).toMatchObject({ code: 'PARAMETER_TRANSFORM' })
  expect(error.message).toContain('its transform returned a promise')
  expect(error.message).toContain('Make it synchronous, or await in a loader() instead.')
})

test('one that something has been thrown in that is no error says what', async () => {
  const source = loader(randomUUID(), () => Promise.reject('no'))
  expect((await failureOf(() => source.get())).message).toContain('the fetch failed (no)')
})
