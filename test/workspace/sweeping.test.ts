import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { expectNoLeaks } from 'middy-managed-instances/testing'
import { WorkspaceDirectories } from '../../middlewares/workspace/directories.ts'
import { keptName, parseDirectoryName, trashName, workspaceName } from '../../middlewares/workspace/directory-name.ts'
import { laneOf } from '../../middlewares/workspace/lane.ts'
import { entriesIn, laneIn, ownDirectory, ownRoot, request } from './fixtures/requests.ts'

const minute = 60_000
const uuid = '01890000-0000-7000-8000-000000000000'
/** Trash whose lease ends then, whoever made it. */
const trashOf = (expires: number): string => trashName().replace(/^trash-[0-9a-z]+/, `trash-${expires.toString(36)}`)

/** Another worker of the same process, or the next process: it shares nothing but the root. */
const otherWorker = (root: string): WorkspaceDirectories => new WorkspaceDirectories(root)

/** Makes something in the lane of a worker that is not this one. */
const make = (root: string, name: string, files = 1, worker?: number): string => {
  const path = join(laneIn(root, worker), name)
  mkdirSync(path, { recursive: true })
  for (let index = 0; index < files; index++) writeFileSync(join(path, `${index}`), 'x')
  return path
}

describe('a name', () => {
  test('says when its workspace expires', () => {
    const expires = Date.now() + 1234
    expect(parseDirectoryName(workspaceName(expires))).toEqual({ kind: 'workspace', expires })
    expect(parseDirectoryName(workspaceName(expires + 0.5))).toEqual({ kind: 'workspace', expires: expires + 1 })
  })

  test.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, 1e20, Number.MAX_SAFE_INTEGER, 0, -5, -1e20])(
    'can be read whatever the deadline: %p',
    (deadline) => expect(parseDirectoryName(workspaceName(deadline))).toMatchObject({ kind: 'workspace' }),
  )

  test('of a workspace without a deadline lasts as long as a function may run', () => {
    const { expires } = parseDirectoryName(workspaceName(Number.POSITIVE_INFINITY)) ?? { expires: 0 }
    expect(expires).toBeGreaterThan(Date.now() + 14 * minute)
    expect(expires).toBeLessThan(Date.now() + 16 * minute)
  })

  test('of trash has a lease of a minute', () => {
    const { kind, expires } = parseDirectoryName(trashName()) ?? { kind: '', expires: 0 }
    expect(kind).toBe('trash')
    expect(expires - Date.now()).toBeGreaterThan(59_000)
    expect(expires - Date.now()).toBeLessThanOrEqual(minute)
  })

  test('is different every time', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => workspaceName(Date.now() - 5))).size).toBe(1_000)
  })
})

const foreign = [
  'data',
  '.hidden',
  'rs',
  uuid,
  `rs-${uuid}.txt`,
  `x-rs-${uuid}`,
  `RS-${uuid.toUpperCase()}`,
  `rs-${uuid.replace('-7', '-4')}`,
  `trash-${uuid}`,
  `job-${uuid}`,
  `messages-${uuid}`,
  `trash-trash-rs-${uuid}`,
  `rs-${uuid}\n`,
  keptName(workspaceName(Date.now() - minute)),
]

describe('a sweep', () => {
  test('finds the lane of any worker, of which a root has 64 at most', async () => {
    const root = ownRoot()
    const lanes = new Set(Array.from({ length: 1_000 }, (_, thread) => laneOf(root, thread)))
    expect(lanes.size).toBe(64)
    for (const lane of lanes) mkdirSync(join(lane, workspaceName(Date.now() - 1)), { recursive: true })
    otherWorker(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })

  test('looks into no directory that is not a lane', async () => {
    const root = ownRoot()
    const expired = workspaceName(Date.now() - minute)
    const others = ['data', 'w', 'w123', 'xw1', 'W1', 'w1.old', 'w-1']
    for (const name of others) mkdirSync(join(root, name, expired), { recursive: true })
    mkdirSync(join(root, expired))
    writeFileSync(join(root, 'w5'), 'x')
    otherWorker(root).sweep()
    otherWorker(root).makeRoom()
    await expectNoLeaks()
    expect(readdirSync(root).sort()).toEqual([...others, expired, 'w5'].sort())
    for (const name of others) expect(readdirSync(join(root, name))).toEqual([expired])
  })

  test('removes expired workspaces, small, large and empty, and no younger ones', async () => {
    const root = ownRoot()
    for (const files of [0, 1, 50]) make(root, workspaceName(Date.now() - 1), files)
    const young = basename(make(root, workspaceName(Date.now() + minute)))
    otherWorker(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([young])
  })

  test('leaves a workspace alone for the grace after its deadline', async () => {
    const root = ownRoot()
    const recent = basename(make(root, workspaceName(Date.now() - minute)))
    make(root, workspaceName(Date.now() - 3 * minute))
    const worker = otherWorker(root)
    worker.startSweeping(2 * minute)
    worker.sweep()
    await setImmediate()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([recent])
  })

  test('touches no foreign name, be it a file, a directory or a link', async () => {
    const root = ownRoot()
    for (const [index, name] of foreign.entries())
      if (index % 2 === 0) make(root, name)
      else writeFileSync(join(laneIn(root), name), 'x')
    symlinkSync(ownDirectory(), join(laneIn(root), 'link'))
    const before = readdirSync(root, { recursive: true }).sort()
    otherWorker(root).sweep()
    otherWorker(root).makeRoom()
    await expectNoLeaks()
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before)
  })

  test('takes over trash when its lease has passed, and not before', async () => {
    const root = ownRoot()
    make(root, trashOf(Date.now() - 1))
    make(root, trashOf(Date.now() - 2), 50)
    const leased = basename(make(root, trashOf(Date.now() + minute)))
    otherWorker(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([leased])
  })

  test('takes a file or a link with an expired name away, and nothing of what a link points at', async () => {
    const root = ownRoot()
    const victim = ownDirectory()
    writeFileSync(join(victim, 'precious'), 'precious')
    const lane = laneIn(root)
    writeFileSync(join(lane, workspaceName(Date.now() - 5)), 'x')
    symlinkSync(victim, join(lane, workspaceName(Date.now() - 6)))
    symlinkSync(victim, join(lane, trashOf(Date.now() - 6)))
    otherWorker(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
    expect(entriesIn(victim)).toEqual(['precious'])
  })

  test('never touches a workspace that lives in this worker, however late it is', async () => {
    const root = ownRoot()
    const worker = otherWorker(root)
    const path = worker.create(Date.now() - minute, 0)
    worker.sweep()
    worker.makeRoom()
    expect(entriesIn(root)).toEqual([basename(path)])
    worker.remove(path, false, [])
    expect(entriesIn(root)).toEqual([])
  })

  test('never touches a living workspace of a request of which another sweeps its root', async () => {
    const root = ownRoot()
    const seen = await request({ root, grace: 0 }, async (workspace) => {
      await workspace.write('a', 'x')
      for (let round = 0; round < 3; round++) otherWorker(root).sweep()
      return workspace.read('a', 'utf8')
    })
    expect(seen).toBe('x')
  })

  test('of eight workers at once removes everything once, and none of them fails', async () => {
    const root = ownRoot()
    const young = basename(make(root, workspaceName(Date.now() + minute)))
    for (let index = 0; index < 40; index++)
      make(root, workspaceName(Date.now() - 1_000 - index), index % 4 === 0 ? 40 : 2, index % 3)
    const workers = Array.from({ length: 8 }, () => otherWorker(root))
    for (const worker of workers) worker.sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([young])
  })

  test('of a root that is gone does nothing', () => {
    const root = ownRoot()
    otherWorker(root).sweep()
    otherWorker(root).makeRoom()
    expect(existsSync(root)).toBe(false)
  })

  test('starts with the first request, without being awaited', async () => {
    const root = ownRoot()
    make(root, workspaceName(Date.now() - minute), 50)
    await request({ root, grace: 0 }, () => expect(entriesIn(root)).toHaveLength(1))
    await setImmediate()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })
})

test('making room deletes everything that can go before it returns, leased trash too', () => {
  const root = ownRoot()
  make(root, workspaceName(Date.now() - minute), 50)
  make(root, trashOf(Date.now() + minute), 50)
  const young = basename(make(root, workspaceName(Date.now() + minute)))
  otherWorker(root).makeRoom()
  expect(entriesIn(root)).toEqual([young])
})
