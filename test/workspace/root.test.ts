import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { describe, expect, test } from '@jest/globals'
import { WorkspaceRootError } from 'middy-managed-instances/workspace'
import { WorkspaceDirectories } from '../../middlewares/workspace/directories.ts'
import { workspaceName } from '../../middlewares/workspace/directory-name.ts'
import { entriesIn, failureOf, ownDirectory, request } from './fixtures/requests.ts'

const asRoot = process.geteuid?.() === 0 ? test : test.skip

/** What a sweeper takes for a workspace whose request ended long ago. */
const expired = workspaceName(Date.now() - 60_000)

type Setup = (root: string, base: string) => void

const distrusted: [string, string, Setup][] = [
  [
    'is a symbolic link',
    'is a symbolic link',
    (root, base) => {
      mkdirSync(join(base, 'target'), { mode: 0o700 })
      symlinkSync(join(base, 'target'), root)
    },
  ],
  ['is a dangling symbolic link', "can't be created", (root) => symlinkSync('/nowhere/at/all', root)],
  ['is a file', "can't be created", (root) => writeFileSync(root, '')],
  [
    'can be written by everybody and has no sticky bit',
    'can be written by everybody and has no sticky bit (mode 777)',
    (root) => {
      mkdirSync(root)
      chmodSync(root, 0o777)
    },
  ],
]

const expectRefused = async (root: string, problem: string): Promise<void> => {
  const error = await failureOf(() => request({ root }, (workspace) => workspace.path))
  expect(error).toBeInstanceOf(WorkspaceRootError)
  expect(error).toMatchObject({ code: 'WORKSPACE_ROOT', data: { root }, retryable: false })
  const { message } = error as Error
  expect(message).toContain(JSON.stringify(root))
  expect(message).toContain(problem)
  expect(message).toContain('Give a directory that this function alone uses')
}

describe('a root that', () => {
  test.each(distrusted)('%s is refused at first use, every time', async (_, problem, setUp) => {
    const base = ownDirectory()
    const root = join(base, 'root')
    setUp(root, base)
    await expect(request({ root }, () => 'untouched')).resolves.toBe('untouched')
    await expectRefused(root, problem)
    await expectRefused(root, problem)
    expect(entriesIn(join(base, 'target'))).toEqual([])
  })

  asRoot('belongs to another user is refused', async () => {
    const root = join(ownDirectory(), 'root')
    mkdirSync(root, { mode: 0o700 })
    chownSync(root, 12_345, 12_345)
    await expectRefused(root, 'belongs to another user (uid 12345)')
    expect(entriesIn(root)).toEqual([])
  })

  test('was refused is taken once it has been put right', async () => {
    const root = join(ownDirectory(), 'root')
    mkdirSync(root)
    chmodSync(root, 0o777)
    await expectRefused(root, 'sticky')
    chmodSync(root, 0o700)
    await request({ root }, (workspace) => workspace.write('a', 'x'))
  })

  test('everybody can write to is taken with a sticky bit', async () => {
    const root = join(ownDirectory(), 'root')
    mkdirSync(root)
    chmodSync(root, 0o1777)
    await request({ root }, (workspace) => workspace.write('a', 'x'))
    expect(entriesIn(root)).toEqual([])
  })

  test('was deleted and replaced by a symbolic link between two requests is refused', async () => {
    const base = ownDirectory()
    const root = join(base, 'root')
    await request({ root }, (workspace) => workspace.write('a', 'x'))
    rmSync(root, { recursive: true })
    symlinkSync(join(base, 'nowhere'), root)
    await expectRefused(root, "can't be created")
    expect(existsSync(join(base, 'nowhere'))).toBe(false)
  })

  test('lies deep below directories that do not exist is made with them', async () => {
    const base = ownDirectory()
    const root = join(base, 'a/b/c')
    await request({ root }, (workspace) => workspace.write('a', 'x'))
    expect(entriesIn(root)).toEqual([])
    expect(existsSync(root)).toBe(true)
  })
})

describe('the lane of a worker that', () => {
  const laneOf = (root: string): string => join(root, `w${threadId}`)
  const untrusted: [string, string, (root: string, target: string) => void][] = [
    ['is a symbolic link', 'is a symbolic link', (root, target) => symlinkSync(target, laneOf(root))],
    ['is a file', "can't be created", (root) => writeFileSync(laneOf(root), '')],
    [
      'everybody can write to',
      'can be written by everybody',
      (root) => {
        mkdirSync(laneOf(root))
        chmodSync(laneOf(root), 0o777)
      },
    ],
  ]

  test.each(untrusted)('%s is refused at first use, and not swept', async (_, problem, setUp) => {
    const base = ownDirectory()
    const root = join(base, 'root')
    const target = join(base, 'target')
    mkdirSync(root, { mode: 0o700 })
    mkdirSync(join(target, expired), { recursive: true })
    setUp(root, target)
    if (lstatSync(laneOf(root)).isDirectory()) mkdirSync(join(laneOf(root), expired))
    const before = readdirSync(base, { recursive: true }).sort()
    const error = await failureOf(() => request({ root }, (workspace) => workspace.path))
    expect(error).toMatchObject({ code: 'WORKSPACE_ROOT', data: { root: laneOf(root) } })
    expect((error as Error).message).toContain(problem)
    new WorkspaceDirectories(root).sweep()
    new WorkspaceDirectories(root).makeRoom()
    expect(readdirSync(base, { recursive: true }).sort()).toEqual(before)
  })

  asRoot('belongs to another user is refused, and not swept', async () => {
    const root = ownDirectory()
    mkdirSync(join(laneOf(root), expired), { recursive: true })
    chownSync(laneOf(root), 12_345, 12_345)
    expect(await failureOf(() => request({ root }, (workspace) => workspace.path))).toMatchObject({
      code: 'WORKSPACE_ROOT',
      message: expect.stringContaining('belongs to another user (uid 12345)'),
    })
    new WorkspaceDirectories(root).sweep()
    expect(entriesIn(root)).toEqual([expired])
  })

  test('was refused is taken once it has been put right', async () => {
    const root = ownDirectory()
    writeFileSync(laneOf(root), '')
    expect(await failureOf(() => request({ root }, (workspace) => workspace.path))).toMatchObject({
      code: 'WORKSPACE_ROOT',
    })
    rmSync(laneOf(root))
    await request({ root }, (workspace) => workspace.write('a', 'x'))
  })
})

test('a root that is not trusted is not swept either', async () => {
  const base = ownDirectory()
  const target = join(base, 'target')
  mkdirSync(join(target, 'w1', expired), { recursive: true })
  symlinkSync(target, join(base, 'link'))
  const shared = join(base, 'shared')
  mkdirSync(join(shared, 'w1', expired), { recursive: true })
  chmodSync(shared, 0o777)
  for (const root of [join(base, 'link'), shared]) {
    await request({ root, grace: 0 }, async () => {
      await setImmediate()
      await setImmediate()
    })
    await expectRefused(root, root === shared ? 'sticky' : 'symbolic link')
  }
  expect(entriesIn(target)).toEqual([expired])
  expect(entriesIn(shared)).toEqual([expired])
})
