import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Flights, openFlights } from '../../src/shared/flights.ts'

interface Instance {
  readonly flights: Flights<number>
  readonly cache: Map<string, number>
}

const opened: Flights<number>[] = []

afterEach(() => {
  for (const flights of opened.splice(0)) flights.close()
})

const open = (topic: string, received?: (key: string) => void): Instance => {
  const cache = new Map<string, number>()
  const receive = (key: string, version: number): void => {
    received?.(key)
    cache.set(key, Math.max(version, cache.get(key) ?? -1))
  }
  const flights = openFlights<number>(topic, { receive, snapshot: () => cache }, { lease: 5_000 })
  opened.push(flights)
  return { flights, cache }
}

const openMany = (count: number): Instance[] => {
  const topic = randomUUID()
  return Array.from({ length: count }, () => open(topic))
}

test('a key that this worker claims already is its own again', async () => {
  const [one, another] = openMany(2) as [Instance, Instance]
  expect(await one.flights.claim(['a', 'a'])).toEqual({ mine: ['a'], others: new Map() })
  expect((await one.flights.claim(['a'])).mine).toEqual(['a'])
  const { others } = await another.flights.claim(['a'])
  one.flights.settle([['a', 1]])
  await others.get('a')
  expect(another.cache.get('a')).toBe(1)
})

test('a key may be any text', async () => {
  const keys = ['', '__proto__', 'constructor', 'a\0b', '\ud800', 'ü'.repeat(5_000)]
  const [one, another] = openMany(2) as [Instance, Instance]
  expect((await one.flights.claim(keys)).mine).toEqual(keys)
  const { others } = await another.flights.claim(keys)
  expect([...others.keys()]).toEqual(keys)
  one.flights.settle(keys.map((key) => [key, 1]))
  await Promise.all(others.values())
  expect([...another.cache.keys()]).toEqual(keys)
})

test('other topics are strangers', async () => {
  const one = open(randomUUID())
  const another = open(randomUUID())
  expect((await one.flights.claim(['a'])).mine).toEqual(['a'])
  expect((await another.flights.claim(['a'])).mine).toEqual(['a'])
})

test('an answer that can not be sent is refused, and its claim is given up', async () => {
  const [one, another] = openMany(2) as [Instance, Instance]
  await another.flights.claim([])
  await one.flights.claim(['a'])
  expect(() => one.flights.settle([['a', (() => {}) as unknown as number]])).toThrow('could not be cloned')
  expect((await another.flights.claim(['a'])).mine).toEqual(['a'])
})

test('answers are received outside the request that happens to claim', async () => {
  const requests = new AsyncLocalStorage<string>()
  const topic = randomUUID()
  const seen: (string | undefined)[] = []
  const one = open(topic, () => seen.push(requests.getStore()))
  const another = open(topic)
  await requests.run('first', () => one.flights.claim(['a']))
  await another.flights.claim(['b', 'c'])
  another.flights.settle([['b', 1]])
  await requests.run('second', () => one.flights.claim(['b']))
  another.flights.settle([['c', 1]])
  while (seen.length < 2) await new Promise(setImmediate)
  expect(seen).toEqual([undefined, undefined])
})

test('closing ends every wait and every claim that comes later', async () => {
  const [one, another, third] = openMany(3) as [Instance, Instance, Instance]
  await one.flights.claim(['a'])
  const { others } = await another.flights.claim(['a'])
  another.flights.close()
  await others.get('a')
  expect(await another.flights.claim(['a'])).toEqual({ mine: ['a'], others: new Map() })
  another.flights.settle([['a', 9]])
  another.flights.giveBack(['a'])
  another.flights.close()
  expect([...(await third.flights.claim(['a'])).others.keys()]).toEqual(['a'])
  const joining = open(randomUUID())
  const claim = joining.flights.claim(['a'])
  joining.flights.close()
  expect((await claim).mine).toEqual(['a'])
})

type Step =
  | { readonly type: 'claim' | 'settle' | 'giveBack'; readonly member: number; readonly keys: string[] }
  | { readonly type: 'join' | 'close' | 'turn'; readonly member: number; readonly keys: string[] }

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('claim', 'claim', 'claim', 'settle', 'settle', 'giveBack', 'join', 'close', 'turn'),
  member: fc.nat(4),
  keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
})

test('in any order of claims, answers, returns, arrivals and departures a key has one owner, whose answer reaches all', async () => {
  const run = async (steps: Step[]): Promise<void> => {
    const topic = randomUUID()
    const members = Array.from({ length: 5 }, () => open(topic))
    const owners = new Map<string, number>()
    const versions = new Map<string, number>()
    const waits: Promise<void>[] = []
    let version = 0
    const ownedBy = (member: number, keys: string[]): string[] => keys.filter((key) => owners.get(key) === member)
    for (const { type, member, keys } of steps) {
      const { flights, cache } = members[member] as Instance
      if (type === 'claim') {
        const { mine, others } = await flights.claim(keys)
        const free = keys.filter((key) => !owners.has(key) || owners.get(key) === member)
        expect(mine).toEqual(free)
        expect([...others.keys()]).toEqual(keys.filter((key) => !free.includes(key)))
        for (const key of keys) expect(cache.get(key)).toBe(versions.get(key))
        for (const key of mine) owners.set(key, member)
        waits.push(...others.values())
      } else if (type === 'turn') await new Promise(setImmediate)
      else {
        const given =
          type === 'settle' || type === 'giveBack' ? ownedBy(member, keys) : ownedBy(member, [...owners.keys()])
        for (const key of given) owners.delete(key)
        if (type === 'giveBack') flights.giveBack(given)
        else if (type === 'settle') {
          version++
          for (const key of given) versions.set(key, version)
          for (const key of given) cache.set(key, version)
          flights.settle(given.map((key) => [key, version]))
        } else {
          // A member that is still there keeps the answers for the one that comes.
          await members[(member + 1) % 5]?.flights.claim([])
          flights.close()
          members[member] = open(topic)
        }
      }
    }
    for (const { flights } of members) flights.close()
    await Promise.all(waits)
  }
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), run), { numRuns: 100 })
})
