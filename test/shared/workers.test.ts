import { describe, expect, jest, test } from '@jest/globals'
import { Members } from './fixtures/members.ts'

jest.setTimeout(120_000)

const hundred = Array.from({ length: 100 }, (_, index) => `${index}`)

describe.each([1, 4, 8, 16])('with %d workers', (count) => {
  test('64 cold reads of the same 100 keys fetch each key once, all of them in one worker', async () => {
    const members = new Members({ lease: 5_000 })
    const workers = await members.startMany(count)
    const reads = await Promise.all(workers.map((worker) => worker.read(hundred, 0, count)))
    expect(members.counters.fetches(100)).toEqual(hundred.map(() => 1))
    expect(reads.filter((fetched) => fetched.length > 0)).toEqual([hundred])
    for (const worker of workers) expect((await worker.cached()).length).toBe(100)
    expect((await Promise.all(workers.map((worker) => worker.warnings()))).flat()).toEqual([])
  })

  test('cold reads of overlapping keys fetch each key once', async () => {
    const members = new Members({ lease: 5_000 })
    const workers = await members.startMany(count)
    const reads = workers.map((worker, index) => {
      const keys = hundred.slice((index * 20) % 80, ((index * 20) % 80) + 40)
      return worker.read(keys, 0, count)
    })
    const fetched = (await Promise.all(reads)).flat()
    expect(new Set(fetched).size).toBe(fetched.length)
    expect(Math.max(...members.counters.fetches(100))).toBe(1)
  })
})

// Sixteen threads that start at once on two cores take their time.
describe.each([
  [4, 200],
  [16, 40],
])('with %d workers that race', (count, expiries) => {
  test(`each of ${expiries} expiries is fetched once`, async () => {
    const members = new Members({ lease: 5_000 })
    const workers = await members.startMany(count)
    for (const worker of workers) await worker.claim([])
    const fetches = await Promise.all(workers.map((worker) => worker.race(expiries, count)))
    expect(members.counters.fetches(expiries)).toEqual(Array.from({ length: expiries }, () => 1))
    expect(fetches.reduce((sum, fetch) => sum + fetch)).toBe(expiries)
    expect((await Promise.all(workers.map((worker) => worker.warnings()))).flat()).toEqual([])
  })
})

test('a worker that joins late is handed all answers and fetches nothing', async () => {
  const members = new Members()
  const early = await members.startMany(3)
  await Promise.all(early.map((worker) => worker.claim([])))
  await early[0]?.claim(hundred)
  await early[0]?.settle(hundred, 7)
  const late = await members.start()
  expect(await late.read(hundred, 7, 0)).toEqual([])
  expect(await late.cached()).toEqual(hundred.map((key) => [key, 7]))
})

test('a worker that joins late waits for what is being fetched', async () => {
  const members = new Members({ lease: 5_000 })
  const owner = await members.start()
  expect(await owner.claim(['a', 'b'])).toMatchObject({ mine: ['a', 'b'], others: [] })
  const late = await members.start()
  expect(await late.claim(['a', 'b', 'c'])).toMatchObject({ mine: ['c'], others: ['a', 'b'] })
  const waits = Promise.all([late.wait('a'), late.wait('b')])
  await owner.settle(['a'], 1)
  await owner.giveBack(['b'])
  await waits
  expect(await late.cached()).toEqual([['a', 1]])
  expect(await late.claim(['b'])).toMatchObject({ mine: ['b'], others: [] })
})

test('a worker that leaves gives back what it claims', async () => {
  const members = new Members({ lease: 60_000 })
  const leaving = await members.start()
  const staying = await members.start()
  await leaving.claim(['a'])
  expect(await staying.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  const wait = staying.wait('a')
  await leaving.close()
  await wait
  expect(await staying.claim(['a'])).toMatchObject({ mine: ['a'] })
  expect(await leaving.claim(['a'])).toMatchObject({ mine: ['a'], others: [] })
})
