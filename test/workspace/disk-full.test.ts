import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { createContext, invoke } from 'middy-managed-instances/testing'
import { WorkspaceFullError } from 'middy-managed-instances/workspace'
import { trashName, workspaceName } from '../../middlewares/workspace/directory-name.ts'
import { entriesIn, failureOf, handlerOf, laneIn, ownDirectory, request } from './fixtures/requests.ts'

const size = 1024 * 1024

/** A small disk of its own, where the sandbox allows one. */
const mountDisk = (options: string): string | undefined => {
  const path = join('/tmp', `workspace-disk-${process.pid}-${options.replaceAll(/\W/g, '-')}`)
  try {
    mkdirSync(path, { mode: 0o700 })
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' })
    return path
  } catch (error) {
    console.warn(`The tests on a full disk are skipped: mount -t tmpfs failed: ${error}`)
    return undefined
  }
}

const unmount = (path: string): void => {
  execFileSync('umount', ['-l', path])
  execFileSync('rmdir', [path])
}

const disk = mountDisk(`size=${size},mode=700`)
const inodes = mountDisk('size=1m,nr_inodes=40,mode=700')
afterAll(() => {
  for (const path of [disk, inodes]) if (path !== undefined) unmount(path)
})

const onDisk = disk === undefined ? describe.skip : describe
const onInodes = inodes === undefined ? describe.skip : describe

const diskFull = {
  name: 'WorkspaceFullError',
  code: 'WORKSPACE_FULL',
  retryable: true,
  data: { limit: 'disk', allowed: 0, found: expect.any(Number) },
  message: expect.stringContaining('the disk is full'),
  cause: expect.objectContaining({ code: 'ENOSPC' }),
}

/** Takes up most of the disk with what a dead worker has left. */
const fill = (root: string, name: string, bytes = size - 64 * 1024): void => {
  mkdirSync(join(laneIn(root), name))
  writeFileSync(join(laneIn(root), name, 'large'), Buffer.alloc(bytes))
}

onDisk('on a full disk', () => {
  const root = join(disk ?? '', 'root')
  let count = 0
  afterEach(() => rmSync(root, { recursive: true, force: true }))
  const chunk = Buffer.alloc(64 * 1024)
  const large = Buffer.alloc(512 * 1024)

  const writes: [string, (workspace: Parameters<Parameters<typeof request>[1]>[0], bytes: Buffer) => unknown][] = [
    ['write', (workspace, bytes) => workspace.write(`file-${count++}`, bytes)],
    [
      'a stream',
      (workspace, bytes) =>
        pipeline(
          Array.from({ length: bytes.length / chunk.length }, () => chunk),
          workspace.createWriteStream(`file-${count++}`),
        ),
    ],
  ]

  test.each(writes)('%s fails with WorkspaceFullError, and the next request has room again', async (_, write) => {
    const error = await failureOf(() => request({ root }, (workspace) => write(workspace, Buffer.alloc(2 * size))))
    expect(error).toBeInstanceOf(WorkspaceFullError)
    expect(error).toMatchObject(diskFull)
    expect(entriesIn(root)).toEqual([])
    await request({ root }, (workspace) => write(workspace, large))
  })

  test.each(writes)('%s succeeds once what a dead worker left has been swept', async (_, write) => {
    for (const name of [workspaceName(Date.now() - 60_000), trashName()]) {
      fill(root, name)
      await request({ root }, async (workspace) => {
        await write(workspace, large)
        expect(await workspace.usage()).toEqual({ files: 1, bytes: large.length })
      })
      expect(entriesIn(root)).toEqual([])
    }
  })

  test.each(writes)('%s leaves the workspaces of others alone, though it fails for that', async (_, write) => {
    const living = workspaceName(Date.now() + 5_000)
    fill(root, living)
    const error = await failureOf(() => request({ root }, (workspace) => write(workspace, large)))
    expect(error).toMatchObject(diskFull)
    expect(entriesIn(root)).toEqual([living])
  })

  test('minFreeBytes refuses a workspace before anything is created, after a sweep', async () => {
    const minFreeBytes = size / 2
    const living = workspaceName(Date.now() + 5_000)
    fill(root, living)
    const handler = handlerOf({ root, minFreeBytes }, (workspace) => workspace.path)
    const error = await failureOf(() => invoke(handler, undefined, { context: createContext() }))
    expect(error).toBeInstanceOf(WorkspaceFullError)
    expect(error).toMatchObject({ retryable: true, data: { limit: 'minFreeBytes', allowed: minFreeBytes } })
    expect((error as WorkspaceFullError).data.found).toBeLessThan(minFreeBytes)
    expect(entriesIn(root)).toEqual([living])
    execFileSync('rm', ['-r', join(laneIn(root), living)])
    fill(root, workspaceName(Date.now() - 60_000))
    await expect(invoke(handler, undefined)).resolves.toContain(root)
  })
})

onInodes('on a disk without a free inode', () => {
  const root = join(inodes ?? '', 'root')
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const exhaust = (name: string): void => {
    mkdirSync(join(laneIn(root), name), { recursive: true })
    try {
      for (let index = 0; ; index++) writeFileSync(join(laneIn(root), name, `${index}`), '')
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
  }

  test('creating the workspace fails, or succeeds after the sweep', async () => {
    const living = workspaceName(Date.now() + 5_000)
    exhaust(living)
    expect(await failureOf(() => request({ root }, (workspace) => workspace.path))).toMatchObject(diskFull)
    expect(entriesIn(root)).toEqual([living])
    execFileSync('rm', ['-r', join(laneIn(root), living)])
    exhaust(workspaceName(Date.now() - 60_000))
    await expect(request({ root }, (workspace) => workspace.path)).resolves.toContain(root)
    expect(entriesIn(root)).toEqual([])
  })

  const openings: [string, (workspace: Parameters<Parameters<typeof request>[1]>[0]) => unknown][] = [
    ['a directory', (workspace) => workspace.file('d/e')],
    ['a file', (workspace) => workspace.write('file', '')],
    ['a stream', (workspace) => pipeline(['x'], workspace.createWriteStream('stream'))],
  ]
  test('creating even the root fails in the same way', async () => {
    const other = join(inodes ?? '', 'other')
    exhaust(workspaceName(Date.now() + 5_000))
    expect(await failureOf(() => request({ root: other }, (workspace) => workspace.path))).toMatchObject(diskFull)
  })

  test.each(openings)('creating %s in it fails, or succeeds after the sweep', async (_, open) => {
    const living = workspaceName(Date.now() + 5_000)
    await request({ root }, async (workspace) => {
      expect(workspace.path).toContain(root)
      exhaust(living)
      expect(await failureOf(() => open(workspace))).toMatchObject(diskFull)
      execFileSync('rm', ['-r', join(laneIn(root), living)])
      exhaust(workspaceName(Date.now() - 60_000))
      await open(workspace)
    })
    expect(entriesIn(root)).toEqual([])
  })
})

test('minFreeBytes is measured on the disk of the root', async () => {
  const root = join(ownDirectory(), 'root')
  await request({ root, minFreeBytes: 1 }, (workspace) => workspace.write('a', 'x'))
  const error = await failureOf(() => request({ root, minFreeBytes: 2 ** 52 }, (workspace) => workspace.path))
  expect(error).toMatchObject({ code: 'WORKSPACE_FULL', data: { limit: 'minFreeBytes', allowed: 2 ** 52 } })
  rmSync(root, { recursive: true })
  await request({ root, minFreeBytes: 1 }, (workspace) => workspace.write('a', 'x'))
  await expect(request({ root, minFreeBytes: 2 ** 52 }, () => 'untouched')).resolves.toBe('untouched')
})
