import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, jest, test } from '@jest/globals'

// Deletions in the background wait at this gate.
let gate: Promise<void> | undefined
/** By a thread. */
let directoriesRemoved = 0
const actual = { ...(await import('node:fs/promises')) }
const mocked = {
  ...actual,
  rm: async (...args: Parameters<typeof actual.rm>) => {
    await gate
    return actual.rm(...args)
  },
  rmdir: async (...args: Parameters<typeof actual.rmdir>) => {
    directoriesRemoved += 1
    // Whoever does not wait for it is done before.
    await nextTurn()
    return actual.rmdir(...args)
  },
}
jest.unstable_mockModule('node:fs/promises', () => ({ ...mocked, default: mocked }))

const { entriesIn, failureOf, ownRoot, request } = await import('./fixtures/requests.ts')
const { barrier, expectNoLeaks } = await import('middy-managed-instances/testing')

type Workspace = Parameters<Parameters<typeof request>[1]>[0]

const closeGate = (): (() => void) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  gate = promise
  return resolve
}

afterEach(() => {
  gate = undefined
  directoriesRemoved = 0
})

const fill = (files: number) => (workspace: Workspace) => {
  for (let index = 0; index < files; index++) writeFileSync(workspace.file(`${index}`), 'x')
}

const grow = (bytes: number) => async (workspace: Workspace) => truncateSync(await workspace.write('sparse', ''), bytes)

const mebibytes = 1024 * 1024

describe.each([
  ['31 files', fill(31)],
  ['16 MiB', grow(16 * mebibytes)],
])('a workspace of %s', (_, work) => {
  test.each(['await', 'background'] as const)('is gone when the answer comes, with %s', async (cleanup) => {
    const open = closeGate()
    const root = ownRoot()
    await request({ root, cleanup }, work)
    expect(entriesIn(root)).toEqual([])
    open()
  })
})

describe.each([
  [1, 'the worker itself'],
  [9, 'a thread'],
])('with %i workspaces at once, each deleted by %s', (count, remover) => {
  const requests = (root: string, work: (workspace: Workspace) => unknown): Promise<string[]> => {
    const together = barrier(count)
    const one = (): Promise<string> =>
      request({ root, cleanup: 'background' }, async (workspace) => {
        await work(workspace)
        await together()
        return workspace.path
      })
    return Promise.all(Array.from({ length: count }, one))
  }

  test.each<[string, (workspace: Workspace) => unknown]>([
    ['its entries, asked for more than once', (workspace) => [fill(3)(workspace), fill(3)(workspace)]],
    ['entries that were asked for and never made', (workspace) => workspace.file('never', 'made')],
    [
      'entries that nobody asked for by name',
      (workspace) => {
        fill(1)(workspace)
        writeFileSync(join(workspace.path, 'unknown'), 'x')
        mkdirSync(join(workspace.path, 'made/deep'), { recursive: true })
      },
    ],
  ])('one is gone when the answer comes, with %s', async (_, work) => {
    const root = ownRoot()
    const paths = await requests(root, work)
    expect(new Set(paths).size).toBe(count)
    expect(entriesIn(root)).toEqual([])
    expect(directoriesRemoved > 0).toBe(remover === 'a thread')
  })
})

describe.each([
  ['33 files', fill(33)],
  ['16 MiB and a byte', grow(16 * mebibytes + 1)],
  ['a deep tree', (workspace: Workspace) => workspace.file(...Array.from({ length: 40 }, () => 'd'))],
])('a workspace of %s', (_, work) => {
  test('is renamed at once and deleted after the answer, with background', async () => {
    const open = closeGate()
    const root = ownRoot()
    const path = await request({ root, cleanup: 'background' }, async (workspace) => {
      await work(workspace)
      return workspace.path
    })
    expect(existsSync(path)).toBe(false)
    expect(entriesIn(root)).toMatchObject([expect.stringMatching(/^trash-/)])
    const leak = await failureOf(() => expectNoLeaks(0))
    expect(String(leak)).toContain('workspace removal goes on in the background')
    open()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })

  test('is deleted before the answer, with await', async () => {
    const open = closeGate()
    const root = ownRoot()
    let answered = false
    const answer = request({ root, cleanup: 'await' }, work).then(() => {
      answered = true
    })
    while (entriesIn(root).length === 0) await new Promise(setImmediate)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(answered).toBe(false)
    open()
    await answer
    expect(entriesIn(root)).toEqual([])
  })
})

test('cleanup is awaited by default where the process may freeze after the answer', async () => {
  const open = closeGate()
  const reported: unknown[] = []
  const onReleaseError = (error: Error): void => void reported.push(error.message)
  await request({ root: ownRoot() }, fill(40), { releaseTimeout: 20, onReleaseError })
  expect(reported).toEqual([expect.stringContaining('Releasing "workspace" took longer than 20 ms')])
  open()
})

test('an answer waits for deletions when 64 of them wait already', async () => {
  const open = closeGate()
  const root = ownRoot()
  const options = { root, cleanup: 'background' } as const
  const late: string[] = []
  const onReleaseError = ({ message }: Error): void => void late.push(message)
  for (let index = 0; index < 64; index++) await request(options, fill(33), { onReleaseError })
  expect(late).toEqual([])
  expect(entriesIn(root)).toHaveLength(64)
  let answered = false
  const answer = request(options, fill(33), { releaseTimeout: 20_000 }).then(() => {
    answered = true
  })
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  expect(answered).toBe(false)
  await request(options, fill(3))
  open()
  await answer
  await expectNoLeaks(5_000)
  expect(entriesIn(root)).toEqual([])
})

describe('keepOnError', () => {
  const lines: string[] = []
  const warn = jest.spyOn(console, 'warn').mockImplementation((line) => void lines.push(String(line)))
  afterEach(() => {
    lines.splice(0)
    warn.mockClear()
  })

  test.each([
    ['threw', 30_000],
    ['timedOut', 250],
  ])('keeps the workspace of a request that %s, and says where', async (outcome, timeout) => {
    const root = ownRoot()
    const work = async (workspace: Workspace): Promise<void> => {
      await workspace.write('a', 'evidence')
      if (outcome === 'threw') throw new Error('failed')
      await new Promise(() => {})
    }
    await failureOf(() => request({ root, keepOnError: true }, work, { timeout }))
    const [name = ''] = entriesIn(root)
    expect(name).toMatch(/^kept-/)
    expect(lines).toHaveLength(1)
    const line = JSON.parse(lines[0] ?? '')
    expect(line).toMatchObject({ level: 'WARN', message: expect.stringContaining(outcome) })
    expect(basename(line.path)).toBe(name)
    await request({ root, grace: 0 }, () => undefined)
    expect(entriesIn(root)).toEqual([name])
    expect(entriesIn(line.path)).toEqual(['a'])
  })

  test('keeps nothing of a request that returned, or that touched nothing', async () => {
    const root = ownRoot()
    await request({ root, keepOnError: true }, (workspace) => workspace.write('a', 'x'))
    await failureOf(() => request({ root, keepOnError: true }, () => Promise.reject(new Error('failed'))))
    expect(entriesIn(root)).toEqual([])
    expect(lines).toEqual([])
  })

  test('is off by default', async () => {
    const root = ownRoot()
    await failureOf(() =>
      request({ root }, async (workspace) => {
        await workspace.write('a', 'x')
        throw new Error('failed')
      }),
    )
    expect(entriesIn(root)).toEqual([])
  })
})
