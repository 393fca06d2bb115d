import { expect, jest, test } from '@jest/globals'
import { type Member, Members, shortLease, until } from './fixtures/members.ts'

jest.setTimeout(60_000)

/** What a busy machine may add to a wait. */
const leeway = 2_000

/** Has all wait for `key` and those who still miss it claim it anew. Says how many got it, and the longest wait. */
const takeOver = async (workers: Member[], key: string): Promise<{ owners: Member[]; longest: number }> => {
  const owners: Member[] = []
  const waits = await Promise.all(
    workers.map(async (worker) => {
      const waited = await worker.wait(key)
      if ((await worker.claim([key])).mine.length > 0) owners.push(worker)
      return waited
    }),
  )
  return { owners, longest: Math.max(...waits) }
}

const startWithOwner = async (members: Members, others: number): Promise<[owner: Member, ...others: Member[]]> => {
  const owner = await members.start()
  await owner.claim(['a'])
  const waiting = await members.startMany(others)
  for (const worker of waiting) expect(await worker.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  return [owner, ...waiting]
}

test('when the owner of a claim dies, exactly one other takes it over after one lease', async () => {
  const [owner, ...others] = await startWithOwner(new Members(), 5)
  await owner.terminate()
  const { owners, longest } = await takeOver(others, 'a')
  expect(owners).toHaveLength(1)
  expect(longest).toBeLessThan(shortLease + leeway)
  const rest = others.filter((worker) => worker !== owners[0])
  const waits = rest.map((worker) => worker.wait('a'))
  await owners[0]?.settle(['a'], 1)
  await Promise.all(waits)
  for (const worker of rest) expect(await worker.cached()).toEqual([['a', 1]])
})

test('when the owner blocks its event loop, one other takes over, and the late answer does no harm', async () => {
  const members = new Members()
  const [owner, ...others] = await startWithOwner(members, 3)
  const blocked = owner.block()
  await until(() => members.counters.arrived === 1)
  const { owners, longest } = await takeOver(others, 'a')
  expect(owners).toHaveLength(1)
  expect(longest).toBeLessThan(shortLease + leeway)
  // Another two leases, in which the new owner goes on renewing its claim.
  const rest = others.filter((worker) => worker !== owners[0])
  const late = await members.start()
  await late.claim(['b'])
  await late.terminate()
  await rest[0]?.claim(['b'])
  await rest[0]?.wait('b')
  expect(await rest[0]?.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })

  members.counters.letGo()
  await blocked
  expect(await owner.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  const waits = rest.map((worker) => worker.wait('a'))
  await owner.settle(['a'], 1)
  await Promise.all(waits)
  expect(await rest[0]?.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  await owners[0]?.settle(['a'], 2)
  for (const worker of [owner, ...rest]) {
    expect(await worker.claim(['a'])).toMatchObject({ mine: ['a'] })
    expect(await worker.cached()).toEqual([['a', 2]])
    await worker.giveBack(['a'])
  }
})

test('an owner keeps its claim for as long as its event loop turns', async () => {
  const members = new Members({ lease: 1_500 })
  const [owner, other] = (await startWithOwner(members, 1)) as [Member, Member]
  // The death of another is the clock: it takes one lease to be noticed.
  const dying = await members.start()
  await dying.claim(['x'])
  await dying.terminate()
  await other.claim(['x'])
  await other.wait('x')
  expect(await other.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  await owner.settle(['a'], 1)
  expect(await other.claim(['a'])).toMatchObject({ mine: ['a'] })
})

test('a worker that was blocked while it waits hears of the renewals before it judges the lease', async () => {
  const members = new Members()
  const [owner, waiting, watching] = (await startWithOwner(members, 2)) as [Member, Member, Member]
  const blocked = waiting.block()
  await until(() => members.counters.arrived === 1)
  for (const key of ['x', 'y']) {
    const dying = await members.start()
    await dying.claim([key])
    await dying.terminate()
    await watching.claim([key])
    await watching.wait(key)
  }
  members.counters.letGo()
  await blocked
  expect(await waiting.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  await owner.settle(['a'], 1)
  await waiting.wait('a')
})

test('a worker that dies while it decides keeps nobody from deciding', async () => {
  const members = new Members({ lease: 5_000 })
  const [dying, ...others] = await members.startMany(4)
  for (const worker of [dying, ...others]) await worker?.claim([])
  dying?.claimSlowly(['a'])
  await until(() => members.counters.arrived === 1)
  const claims = others.map((worker) => worker.claim(['a']))
  await dying?.terminate()
  const decided = await Promise.all(claims)
  expect(decided.filter(({ mine }) => mine.length > 0)).toHaveLength(1)
  expect(Math.max(...decided.map(({ took }) => took))).toBeLessThan(leeway)
  expect(Math.min(...decided.map(({ took }) => took))).toBeGreaterThan(50)
})

test('a worker that is overtaken while it decides decides again', async () => {
  const members = new Members({ lease: 5_000 })
  const [slow, fast] = (await members.startMany(2)) as [Member, Member]
  await slow.claim([])
  const overtaken = slow.claimSlowly(['a', 'b'])
  await until(() => members.counters.arrived === 1)
  expect(await fast.claim(['a'])).toMatchObject({ mine: ['a'] })
  members.counters.letGo()
  expect(await overtaken).toMatchObject({ mine: ['b'], others: ['a'] })
})

test('an answer that comes while another decides is received by it', async () => {
  const members = new Members({ lease: 5_000 })
  const [slow, owner] = (await members.startMany(2)) as [Member, Member]
  await slow.claim([])
  await owner.claim(['a'])
  const deciding = slow.claimSlowly(['a'])
  await until(() => members.counters.arrived === 1)
  await owner.settle(['a'], 1)
  members.counters.letGo()
  await deciding
  await slow.wait('a')
  expect(await slow.cached()).toEqual([['a', 1]])
})

test('when the founder dies before anybody has joined, the next worker founds anew after one lease', async () => {
  const members = new Members()
  const founder = await members.start()
  expect((await founder.claim(['a'])).took).toBeLessThan(shortLease)
  await founder.terminate()
  const [next, ...others] = (await members.startMany(4)) as [Member, ...Member[]]
  const { mine, took } = await next.claim(['a'])
  expect(mine).toEqual(['a'])
  expect(took).toBeGreaterThan(shortLease - 20)
  expect(took).toBeLessThan(shortLease + leeway)
  for (const worker of others) expect(await worker.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
})

test('when the only member is blocked, a worker that joins founds anew, and the blocked one follows', async () => {
  const members = new Members()
  const founder = await members.start()
  await founder.claim([])
  await founder.settle(['old'], 1)
  const blocked = founder.block()
  await until(() => members.counters.arrived === 1)
  const next = await members.start()
  expect(await next.claim(['a'])).toMatchObject({ mine: ['a'] })
  members.counters.letGo()
  await blocked
  expect(await founder.claim(['a'])).toMatchObject({ mine: [], others: ['a'] })
  while ((await next.cached()).length === 0);
  expect(await next.cached()).toEqual([['old', 1]])
  // Both decide under the same lock: one that hangs holds up the other.
  next.claimSlowly(['b'])
  await until(() => members.counters.arrived === 2)
  expect((await founder.claim(['b'])).took).toBeGreaterThan(50)
})
