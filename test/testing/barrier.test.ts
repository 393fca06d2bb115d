import { expect, test } from '@jest/globals'
import { barrier } from 'middy-managed-instances/testing'

test('nobody goes on before the last has come, and then all do', async () => {
  const meet = barrier(3)
  const passed: number[] = []
  const arrive = async (caller: number): Promise<void> => {
    await meet()
    passed.push(caller)
  }
  const callers = [arrive(1), arrive(2)]
  await new Promise(setImmediate)
  expect(passed).toEqual([])
  await Promise.all([...callers, arrive(3)])
  expect(passed.sort()).toEqual([1, 2, 3])
})

test('it starts anew for the next round', async () => {
  const meet = barrier(2)
  for (let round = 0; round < 3; round++) await Promise.all([meet(), meet()])
  const passed: string[] = []
  const early = meet().then(() => passed.push('early'))
  await new Promise(setImmediate)
  expect(passed).toEqual([])
  await meet()
  await early
})

test('one for a single caller never waits', async () => {
  const meet = barrier(1)
  await meet()
  await meet()
})

test('too few callers are an error for each of them that says how many came', async () => {
  const meet = barrier(3, 20)
  const results = await Promise.allSettled([meet(), meet()])
  for (const result of results)
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching(/^barrier\(3\): only 2 callers arrived within 20 ms\..*at least 3/) },
    })
  await Promise.all([meet(), meet(), meet()])
})

test.each([0, -1, 1.5, Number.NaN, '2', undefined])('%p parties are refused', (parties) => {
  expect(() => barrier(parties as number)).toThrow(TypeError)
  expect(() => barrier(parties as number)).toThrow(
    'barrier(): option "parties" must be a whole number, 1 or more, received',
  )
})

test('a timeout that is none is refused', () => {
  expect(() => barrier(2, Number.POSITIVE_INFINITY)).toThrow('"timeout" must be a number of milliseconds')
})
