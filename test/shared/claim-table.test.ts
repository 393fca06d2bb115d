import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ClaimTable } from '../../src/shared/claim-table.ts'

const claim = (key: string, member: string, ticket: number, expires = 100) => ({ key, member, ticket, expires })

const ownersIn = (table: ClaimTable): string[] =>
  [...table.records()].map(({ key, member }) => `${key}:${member}`).sort()

test('of two claims to one key the higher ticket wins, whichever is heard first', () => {
  for (const order of [
    [claim('a', 'x', 1), claim('a', 'y', 2)],
    [claim('a', 'y', 2), claim('a', 'x', 1)],
  ]) {
    const table = new ClaimTable()
    for (const record of order) table.take(record)
    expect(ownersIn(table)).toEqual(['a:y'])
    expect(table.nextTicket()).toBe(3)
  }
})

test('two members that claim without a lock are told apart by their names', () => {
  for (const order of [
    ['x', 'y'],
    ['y', 'x'],
  ]) {
    const table = new ClaimTable()
    for (const member of order) table.take(claim('a', member, 1))
    expect(ownersIn(table)).toEqual(['a:y'])
  }
})

test('a claim is ended by its own member only', () => {
  const table = new ClaimTable()
  table.take(claim('a', 'x', 1))
  table.giveBack('y', ['a'])
  expect(ownersIn(table)).toEqual(['a:x'])
  table.giveBack('x', ['a', 'b'])
  expect(ownersIn(table)).toEqual([])
})

test('a renewal keeps what it names, ends the rest, and takes nothing from others', () => {
  const table = new ClaimTable()
  for (const key of ['a', 'b', 'c']) table.take(claim(key, 'x', 1))
  table.take(claim('c', 'y', 2))
  table.renew('x', ['a', 'c', 'd'], 200)
  table.renew('z', ['a'], 300)
  expect(ownersIn(table)).toEqual(['a:x', 'c:y'])
  table.expire(100, 'self')
  expect(ownersIn(table)).toEqual(['a:x'])
  table.expire(200, 'self')
  expect(ownersIn(table)).toEqual([])
})

test('a worker that is at work does not give up its own claims', () => {
  const table = new ClaimTable()
  table.take(claim('a', 'self', 1))
  table.expire(1_000, 'self')
  expect(table.keysOf('self')).toEqual(['a'])
})

test('who waits is told of a return, an expiry, a takeover and an answer, and of the next lease to run out', async () => {
  const table = new ClaimTable()
  expect(table.newsOf('a', 'self')).toBeUndefined()
  expect(table.nextExpiry).toBeUndefined()
  const ends = [
    (key: string) => table.giveBack(`owner of ${key}`, [key]),
    () => table.expire(100, 'self'),
    (key: string) => table.take(claim(key, 'y', 2, 500)),
    (key: string) => table.wake(key),
    () => table.clear(),
  ]
  for (const [index, end] of ends.entries()) {
    const key = `${index}`
    table.take(claim(key, `owner of ${key}`, 1, 50 + index))
    const news = table.newsOf(key, 'self')
    expect(table.newsOf(key, 'self')).toBe(news)
    expect(table.nextExpiry).toBe(50 + index)
    end(key)
    await news
    expect(table.nextExpiry).toBeUndefined()
  }
})

interface Event {
  readonly member: number
  readonly apply: (table: ClaimTable) => void
}

const event = fc
  .record({ member: fc.nat(2), key: fc.constantFrom('a', 'b'), isClaim: fc.boolean() })
  .map(({ member, key, isClaim }) => ({ member, key, isClaim }))

test('tables that hear the members in different orders end up alike, and empty when all is given back', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), fc.infiniteStream(fc.nat(2)), (steps, turns) => {
      const events: Event[] = steps.map(({ member, key, isClaim }, index) => ({
        member,
        apply: (table) =>
          isClaim ? table.take(claim(key, `${member}`, index + 1)) : table.giveBack(`${member}`, [key]),
      }))
      const [inOrder, shuffled] = [new ClaimTable(), new ClaimTable()]
      for (const { apply } of events) apply(inOrder)
      const lanes = [0, 1, 2].map((member) => events.filter((one) => one.member === member))
      while (lanes.some(({ length }) => length > 0)) lanes[turns.next().value as number]?.shift()?.apply(shuffled)
      // What has been claimed by more than one may be free in one of them, never somebody else's.
      const owners = new Map([...inOrder.records()].map(({ key, member }) => [key, member]))
      for (const { key, member } of shuffled.records()) expect([member, undefined]).toContain(owners.get(key))
      for (const table of [inOrder, shuffled]) {
        for (const member of ['0', '1', '2']) table.giveBack(member, ['a', 'b'])
        expect([...table.records()]).toEqual([])
      }
    }),
    { numRuns: 300 },
  )
})
