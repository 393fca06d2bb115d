import { existsSync, mkdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { RequestEndedError } from 'middy-managed-instances'
import { barrier, createContext, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type { Workspace } from 'middy-managed-instances/workspace'
import { directoriesIn } from '../../middlewares/workspace/directories.ts'
import { entriesIn, failureOf, handlerOf, ownDirectory, ownRoot, request } from './fixtures/requests.ts'

jest.setTimeout(10_000)

/** A request that times out while its handler lives on until `release` is called. */
const startZombie = async (
  root: string,
  live: (workspace: Workspace) => unknown,
): Promise<{ workspace: Workspace; path: string; release: () => Promise<void> }> => {
  const released = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<{ workspace: Workspace; path: string }>()
  const handler = handlerOf({ root }, async (workspace) => {
    try {
      await workspace.write('a', 'x')
      seen.resolve({ workspace, path: workspace.path })
      await released.promise
      await live(workspace)
    } catch (error) {
      seen.reject(error)
      throw error
    } finally {
      stopped.resolve()
    }
  })
  // Counted from when Middy asks: the time to get that far does not matter.
  const context = createContext({ getRemainingTimeInMillis: () => 150 })
  await expect(invoke(handler, undefined, { context })).rejects.toThrow('aborted')
  const release = (): Promise<void> => {
    released.resolve()
    return stopped.promise
  }
  return { ...(await seen.promise), release }
}

describe('a handler that goes on after its request has timed out', () => {
  test('finds its files gone and every use of the workspace refused', async () => {
    const root = ownRoot()
    const errors: unknown[] = []
    const { path, release } = await startZombie(root, async (workspace) => {
      errors.push(await failureOf(() => workspace.path))
      errors.push(await failureOf(() => workspace.write('b', 'late')))
      errors.push(await failureOf(() => workspace.createWriteStream('b')))
      errors.push(await failureOf(() => workspace.usage()))
    })
    expect(existsSync(path)).toBe(false)
    await release()
    expect(errors).toHaveLength(4)
    for (const error of errors) {
      expect(error).toBeInstanceOf(RequestEndedError)
      expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
    }
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })

  const revivals: [string, (path: string) => unknown][] = [
    ['makes its directory anew', (path) => mkdir(path, { recursive: true })],
    [
      'makes a deep directory anew and writes there',
      async (path) => {
        await mkdir(join(path, 'a/b/c'), { recursive: true })
        await writeFile(join(path, 'a/b/c/file'), 'late')
      },
    ],
    [
      'makes a large tree anew',
      (path) => {
        mkdirSync(path)
        for (let index = 0; index < 60; index++) writeFileSync(join(path, `${index}`), 'late')
      },
    ],
    ['puts a file where its directory was', (path) => writeFile(path, 'late')],
    ['renames another directory to where its own was', (path) => renameSync(ownDirectory(), path)],
  ]
  test.each(revivals)('and %s leaves nothing after the next sweep', async (_, revive) => {
    const root = ownRoot()
    const { path, release } = await startZombie(root, () => revive(path))
    await release()
    expect(existsSync(path)).toBe(true)
    directoriesIn(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
    mkdirSync(path)
    directoriesIn(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })

  test('can only rename a file of its old path into nothing', async () => {
    const root = ownRoot()
    const { path, release } = await startZombie(root, async () => {
      expect(await failureOf(() => renameSync(join(path, 'a'), join(path, 'b')))).toMatchObject({ code: 'ENOENT' })
      expect(await failureOf(() => writeFile(join(path, 'c'), 'late'))).toMatchObject({ code: 'ENOENT' })
    })
    await release()
    expect(entriesIn(root)).toEqual([])
  })

  test('does nothing to the workspaces of overlapping requests', async () => {
    const root = ownRoot()
    const meet = barrier(4)
    const zombie = await startZombie(root, async () => {
      for (let round = 0; round < 20; round++) {
        await mkdir(zombie.path, { recursive: true })
        await writeFile(join(zombie.path, 'a'), 'zombie')
        directoriesIn(root).sweep()
      }
    })
    const living = Array.from({ length: 3 }, (_, index) =>
      request({ root }, async (workspace) => {
        await workspace.write('a', `living ${index}`)
        await meet()
        expect(basename(workspace.path)).not.toBe(basename(zombie.path))
        expect(entriesIn(workspace.path)).toEqual(['a'])
        return workspace.read('a', 'utf8')
      }),
    )
    await zombie.release()
    await meet()
    await expect(Promise.all(living)).resolves.toEqual(['living 0', 'living 1', 'living 2'])
    directoriesIn(root).sweep()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })
})

test('a workspace replaced by a symbolic link takes nothing of what it points at', async () => {
  const victim = ownDirectory()
  writeFileSync(join(victim, 'precious'), 'precious')
  mkdirSync(join(victim, 'd'))
  const root = ownRoot()
  await request({ root }, ({ path }) => {
    rmdirSync(path)
    symlinkSync(victim, path)
  })
  await expectNoLeaks()
  expect(entriesIn(victim).sort()).toEqual(['d', 'precious'])
  expect(entriesIn(root)).toEqual([])
})

test('a handler that removes its own workspace, or renames it away and back, is no problem', async () => {
  const root = ownRoot()
  const reported: unknown[] = []
  const onReleaseError = (error: unknown): void => void reported.push(error)
  await request({ root }, ({ path }) => rmdirSync(path), { onReleaseError })
  await request(
    { root },
    ({ path }) => {
      renameSync(path, `${path}.away`)
      renameSync(`${path}.away`, path)
    },
    { onReleaseError },
  )
  expect(reported).toEqual([])
  expect(entriesIn(root)).toEqual([])
})

test('late writers that race the removal leave nothing in 200 rounds', async () => {
  const root = ownRoot()
  const writers: Promise<unknown>[] = []
  for (let round = 0; round < 200; round++)
    await request({ root, cleanup: round % 2 === 0 ? 'await' : 'background' }, ({ path }) => {
      const files = round % 10 === 0 ? 40 : 4
      for (let index = 0; index < files; index++) writers.push(writeFile(join(path, `${index}`), 'late'))
      writers.push(mkdir(join(path, 'd')).then(() => writeFile(join(path, 'd/late'), 'late')))
    })
  await Promise.allSettled(writers)
  await expectNoLeaks(5_000)
  expect(entriesIn(root)).toEqual([])
})
