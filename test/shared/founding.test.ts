import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from '@jest/globals'
import { type Member, Members, shortLease, until } from './fixtures/members.ts'

const asRoot = process.geteuid?.() === 0 ? test : test.skip
const directoryName = `middy-managed-instances.flights.${process.geteuid?.() ?? 'user'}`
const bases: string[] = []

afterEach(() => {
  for (const base of bases.splice(0)) rmSync(base, { recursive: true, force: true })
})

const ownTmp = (): string => {
  const base = mkdtempSync(join(realpathSync(tmpdir()), 'flights-test-'))
  bases.push(base)
  return base
}

const startIn = (base: string, count: number, lease = shortLease): Promise<Member[]> => {
  return new Members({ lease, env: { TMPDIR: base } }).startMany(count)
}

const unusable: [string, (base: string) => void][] = [
  ['does not exist', (base) => rmSync(base, { recursive: true })],
  ['has a file in the place of ours', (base) => writeFileSync(join(base, directoryName), '')],
  [
    'has a directory in the place of ours that others can write to',
    (base) => {
      mkdirSync(join(base, directoryName))
      chmodSync(join(base, directoryName), 0o777)
    },
  ],
]

const expectAlone = async (base: string): Promise<void> => {
  const [one, another] = await startIn(base, 2, 60_000)
  expect(await one?.claim(['a'])).toMatchObject({ mine: ['a'], others: [] })
  expect(await another?.claim(['a'])).toMatchObject({ mine: ['a'], others: [] })
  // They still tell each other what they have fetched.
  await one?.settle(['a'], 1)
  await another?.settle(['a'], 2)
  for (const worker of [one, another]) {
    expect(await worker?.claim(['a'])).toMatchObject({ mine: ['a'] })
    expect(await worker?.cached()).toEqual([['a', 2]])
    await worker?.giveBack(['a'])
  }
}

describe('a temporary directory that', () => {
  test.each(unusable)('%s leaves every worker on its own, at once', async (_, spoil) => {
    const base = ownTmp()
    spoil(base)
    await expectAlone(base)
  })

  asRoot('belongs to another user in our place leaves every worker on its own', async () => {
    const base = ownTmp()
    mkdirSync(join(base, directoryName), { mode: 0o700 })
    chownSync(join(base, directoryName), 12_345, 12_345)
    await expectAlone(base)
  })

  test('was emptied lets a late worker in all the same, with what is known and claimed', async () => {
    const base = ownTmp()
    const members = new Members({ lease: 5_000, env: { TMPDIR: base } })
    const early = await members.startMany(3)
    for (const worker of early) await worker.claim([])
    await early[0]?.settle(['old'], 1)
    rmSync(join(base, directoryName), { recursive: true })
    const late = await members.start()
    await late.claim([])
    while ((await late.cached()).length === 0);
    // All decide under one lock again: one that hangs holds up another.
    const deciding = late.claimSlowly([])
    await until(() => members.counters.arrived === 1)
    expect((await early[0]?.claim([]))?.took).toBeGreaterThan(50)
    members.counters.letGo()
    await deciding
    const all = [...early, late]
    const fetches = await Promise.all(all.map((worker) => worker.race(50, all.length)))
    expect(members.counters.fetches(50)).toEqual(Array.from({ length: 50 }, () => 1))
    expect(fetches.reduce((sum, fetch) => sum + fetch)).toBe(50)
  })
})

// Which of two groups all agree on depends on names that are random, so it is tried more than once.
test.each([1, 2, 3, 4])('workers that were led apart decide under one lock again, time %d', async () => {
  const base = ownTmp()
  const members = new Members({ lease: 5_000, env: { TMPDIR: base } })
  const old = await members.start()
  await old.claim([])
  await old.settle(['old'], 1)
  const blocked = old.block()
  await until(() => members.counters.arrived === 1)
  rmSync(join(base, directoryName), { recursive: true })
  const [leader, follower] = (await members.startMany(2)) as [Member, Member]
  await leader.claim([])
  await follower.claim([])
  members.counters.letGo()
  await blocked
  while ((await leader.cached()).length === 0);

  const deciding = follower.claimSlowly([])
  await until(() => members.counters.arrived === 2)
  const [one, another] = await Promise.all([old.claim([]), leader.claim([])])
  expect(one.took).toBeGreaterThan(50)
  expect(another.took).toBeGreaterThan(50)
  members.counters.letGo()
  await deciding
})

const entriesIn = (base: string): string[] => readdirSync(join(base, directoryName))

test('nothing is opened before the first claim', async () => {
  const base = ownTmp()
  const [worker] = await startIn(base, 1)
  await worker?.settle(['a'], 1)
  await worker?.giveBack(['a'])
  expect(readdirSync(base)).toEqual([])
})

test('the marks of dead processes are removed, and those of living ones kept', async () => {
  const base = ownTmp()
  const directory = join(base, directoryName)
  const ended = spawn(process.execPath, ['-e', ''])
  await once(ended, 'exit')
  const living = `${process.ppid}-${startOf(process.ppid)}`
  const names = { dead: `${ended.pid}-1`, reused: `${process.pid}-1`, living, foreign: 'notes.txt' }
  for (const name of Object.values(names)) mkdirSync(join(directory, name, 'mark.1'), { recursive: true, mode: 0o700 })
  const [worker] = await startIn(base, 1)
  await worker?.claim([])
  expect(entriesIn(base).sort()).toEqual([living, names.foreign, `${process.pid}-${startOf(process.pid)}`].sort())
})

const startOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')[19] ?? ''

test('the marks of an earlier process with the same name cost one lease', async () => {
  const base = ownTmp()
  const members = new Members({ env: { TMPDIR: base } })
  const first = await members.start()
  await first.claim([])
  await first.terminate()
  const second = await members.start()
  expect((await second.claim(['a'])).took).toBeGreaterThan(shortLease - 20)
  const third = await members.start()
  const { mine, took } = await third.claim(['a'])
  expect(mine).toEqual([])
  expect(took).toBeLessThan(shortLease)
})

test('a process ends by itself with claims open, and without a warning', async () => {
  const script = fileURLToPath(new URL('./fixtures/ends-by-itself.ts', import.meta.url))
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings=ExperimentalWarning', script],
    { env: { ...process.env, TMPDIR: ownTmp() }, timeout: 10_000 },
  )
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual(['claimed', 'taken over'])
})
