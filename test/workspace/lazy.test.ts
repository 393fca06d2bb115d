import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { describe, expect, test } from '@jest/globals'
import { entriesIn, modeOf, ownDirectory, ownRoot, request } from './fixtures/requests.ts'

describe('a request that does not touch its workspace', () => {
  test('creates nothing, not even the root', async () => {
    const root = ownRoot()
    await request({ root }, () => 'done')
    expect(existsSync(root)).toBe(false)
  })

  test('creates nothing when it only asks how much is used', async () => {
    const root = ownRoot()
    await expect(request({ root }, (workspace) => workspace.usage())).resolves.toEqual({ files: 0, bytes: 0 })
    expect(existsSync(root)).toBe(false)
  })

  test('creates nothing when it asks for a name that is refused', async () => {
    const root = ownRoot()
    await expect(request({ root }, (workspace) => workspace.file('..'))).rejects.toThrow('workspace.file()')
    expect(existsSync(root)).toBe(false)
  })

  test('creates nothing when the sweep at start has run', async () => {
    const root = ownRoot()
    await request({ root }, async () => {
      await setImmediate()
      await setImmediate()
    })
    expect(existsSync(root)).toBe(false)
  })
})

describe('a request that touches its workspace', () => {
  test('finds a directory of mode 0700 in a lane and a root of mode 0700, and both file and directory gone afterwards', async () => {
    const root = ownRoot()
    const path = await request({ root }, async (workspace) => {
      const { path } = workspace
      expect(dirname(path)).toBe(join(root, `w${threadId}`))
      expect(modeOf(path)).toBe(0o700)
      expect(modeOf(dirname(path))).toBe(0o700)
      expect(modeOf(root)).toBe(0o700)
      await workspace.write('a/b/c.txt', 'text')
      expect(modeOf(join(path, 'a'))).toBe(0o700)
      expect(modeOf(join(path, 'a/b'))).toBe(0o700)
      expect(modeOf(join(path, 'a/b/c.txt'))).toBe(0o600)
      return path
    })
    expect(existsSync(path)).toBe(false)
    expect(entriesIn(root)).toEqual([])
  })

  test('gets the same directory every time it asks', async () => {
    await request({ root: ownRoot() }, (workspace) => {
      expect(workspace.path).toBe(workspace.path)
      expect(dirname(workspace.file('a'))).toBe(workspace.path)
    })
  })

  test('has its deadline and a uuid in the name', async () => {
    const before = Date.now()
    const name = await request({ root: ownRoot() }, ({ path }) => basename(path), { timeout: 5_000 })
    const [deadline = '', ...uuid] = name.split('-')
    expect(Number.parseInt(deadline, 36)).toBeGreaterThanOrEqual(before + 5_000)
    expect(Number.parseInt(deadline, 36)).toBeLessThan(before + 10_000)
    expect(uuid.join('-')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('gets a root that was deleted between two requests made anew, with its mode', async () => {
    const root = ownRoot()
    await request({ root }, (workspace) => workspace.write('a', 'one'))
    rmSync(root, { recursive: true })
    await expect(request({ root }, (workspace) => workspace.write('a', 'two'))).resolves.toContain(root)
    expect(modeOf(root)).toBe(0o700)
    expect(entriesIn(root)).toEqual([])
  })

  test('gets a lane that was deleted between two requests made anew, with its mode', async () => {
    const root = ownRoot()
    const lane = dirname(await request({ root }, ({ path }) => path))
    rmSync(lane, { recursive: true })
    await request({ root }, (workspace) => workspace.write('a', 'two'))
    expect(modeOf(lane)).toBe(0o700)
  })

  test('ends well when its root is deleted while it runs', async () => {
    const root = ownRoot()
    const reported: unknown[] = []
    const answer = await request(
      { root },
      async (workspace) => {
        await workspace.write('a', 'one')
        rmSync(root, { recursive: true })
        return 'answer'
      },
      { onReleaseError: (error) => reported.push(error) },
    )
    expect(answer).toBe('answer')
    expect(reported).toEqual([])
  })

  test('leaves whatever mode a root had that was there before', async () => {
    const root = join(ownDirectory(), 'given')
    mkdirSync(root, { mode: 0o750 })
    await request({ root }, (workspace) => workspace.write('a', 'one'))
    expect(modeOf(root)).toBe(0o750)
  })
})
