import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'

type Fault = { readonly code: string; times: number; readonly when?: (path: string) => boolean }

const faults = new Map<string, Fault>()
const calls = new Map<string, number>()

/** Lets the next `times` calls of a file system function fail. */
const inject = (name: string, code: string, times: number, when?: Fault['when']): void => {
  faults.set(name, { code, times, ...(when && { when }) })
}

const failing = (name: string, args: readonly unknown[]): Error | undefined => {
  calls.set(name, (calls.get(name) ?? 0) + 1)
  const fault = faults.get(name)
  if (fault === undefined || fault.times === 0 || fault.when?.(String(args[0])) === false) return undefined
  fault.times -= 1
  return Object.assign(new Error(`${fault.code}: injected, ${name}`), { code: fault.code })
}

const actual = { ...(await import('node:fs')) }
const actualPromises = { ...(await import('node:fs/promises')) }
type Any = (...args: unknown[]) => unknown
const throwing = (name: 'mkdirSync' | 'writeFileSync' | 'rmSync' | 'renameSync' | 'readdirSync'): Any => {
  const call = actual[name] as Any
  return (...args) => {
    const fault = failing(name, args)
    if (fault !== undefined) throw fault
    return call(...args)
  }
}
const rejecting = (name: 'writeFile' | 'rm'): Any => {
  const call = actualPromises[name] as Any
  return async (...args) => {
    const fault = failing(name, args)
    if (fault !== undefined) throw fault
    return call(...args)
  }
}
const callingBack = (name: 'write' | 'open'): Any => {
  const call = actual[name] as Any
  return (...args) => {
    const fault = failing(name, args)
    if (fault === undefined) return call(...args)
    process.nextTick(args.at(-1) as Any, fault)
    return undefined
  }
}
const mocked = {
  ...actual,
  mkdirSync: throwing('mkdirSync'),
  writeFileSync: throwing('writeFileSync'),
  rmSync: throwing('rmSync'),
  renameSync: throwing('renameSync'),
  readdirSync: throwing('readdirSync'),
  write: callingBack('write'),
  open: callingBack('open'),
}
const mockedPromises = { ...actualPromises, writeFile: rejecting('writeFile'), rm: rejecting('rm') }
jest.unstable_mockModule('node:fs', () => ({ ...mocked, default: mocked }))
jest.unstable_mockModule('node:fs/promises', () => ({ ...mockedPromises, default: mockedPromises }))

const { entriesIn, failureOf, laneIn, ownRoot, request } = await import('./fixtures/requests.ts')
const { workspaceName } = await import('../../middlewares/workspace/directory-name.ts')

type Workspace = Parameters<Parameters<typeof request>[1]>[0]

beforeEach(() => calls.clear())
afterEach(() => faults.clear())

const writes: [string, string, (workspace: Workspace) => unknown][] = [
  ['creating the workspace', 'mkdirSync', (workspace) => workspace.path],
  ['creating a directory', 'mkdirSync', (workspace) => workspace.file('d/e/file')],
  ['writing a small file', 'writeFileSync', (workspace) => workspace.write('file', 'x')],
  ['writing a large file', 'writeFile', (workspace) => workspace.write('file', Buffer.alloc(100_000))],
  ['writing to a stream', 'write', (workspace) => pipeline(['x'], workspace.createWriteStream('file'))],
  ['opening a stream', 'open', (workspace) => pipeline(['x'], workspace.createWriteStream('file'))],
]

describe.each(['ENOSPC', 'EDQUOT'])('with %s', (code) => {
  test.each(writes)('%s is tried twice and then fails as WorkspaceFullError', async (_, fn, write) => {
    const root = ownRoot()
    await request({ root }, (workspace) => workspace.path)
    calls.clear()
    inject(fn, code, Number.POSITIVE_INFINITY, (path) => fn === 'write' || path.startsWith(join(root, '/')))
    const error = await failureOf(() => request({ root }, write))
    expect(error).toMatchObject({
      code: 'WORKSPACE_FULL',
      retryable: true,
      data: { limit: 'disk' },
      cause: { code, message: expect.stringContaining('injected') },
    })
    expect(calls.get(fn)).toBe(2)
    expect(entriesIn(root)).toEqual([])
  })

  test.each(writes)('%s succeeds the second time, after a sweep', async (_, fn, write) => {
    const root = ownRoot()
    await request({ root }, (workspace) => workspace.path)
    mkdirSync(join(laneIn(root), workspaceName(Date.now() - 60_000)))
    inject(fn, code, 1, (path) => fn === 'write' || path.startsWith(join(root, '/')))
    await request({ root }, async (workspace) => {
      await write(workspace)
      expect(faults.get(fn)).toMatchObject({ times: 0 })
      expect(entriesIn(root)).toHaveLength(1)
    })
    expect(entriesIn(root)).toEqual([])
  })
})

test.each(writes)('%s passes any other failure on as it is, without a second attempt', async (_, fn, write) => {
  const root = ownRoot()
  await request({ root }, (workspace) => workspace.path)
  calls.clear()
  inject(fn, 'EIO', 1, (path) => fn === 'write' || path.startsWith(join(root, '/')))
  expect(await failureOf(() => request({ root }, write))).toMatchObject({ code: 'EIO' })
  expect(calls.get(fn)).toBe(1)
})

test.each(['rmSync', 'renameSync', 'readdirSync'])(
  'a full disk is reported as such also when %s fails while making room',
  async (fn) => {
    const root = ownRoot()
    await request({ root }, (workspace) => workspace.path)
    await request({ root }, async (workspace) => {
      expect(workspace.path).toContain(root)
      mkdirSync(join(laneIn(root), workspaceName(Date.now() - 60_000)))
      inject(fn, 'EBUSY', Number.POSITIVE_INFINITY)
      inject('writeFileSync', 'ENOSPC', Number.POSITIVE_INFINITY)
      expect(await failureOf(() => workspace.write('file', 'x'))).toMatchObject({ code: 'WORKSPACE_FULL' })
      faults.clear()
    })
  },
)

describe('a removal that fails', () => {
  const reportsOf = async (fn: string, files: number, cleanup: 'await' | 'background'): Promise<unknown[]> => {
    const reports: unknown[] = []
    const root = ownRoot()
    const answer = await request(
      { root, cleanup },
      async (workspace) => {
        for (let index = 0; index < files; index++) await workspace.write(`${index}`, 'x')
        inject(fn, 'EACCES', Number.POSITIVE_INFINITY)
        return 'answer'
      },
      { onReleaseError: (error) => reports.push(error) },
    )
    expect(answer).toBe('answer')
    return reports
  }

  test.each(['await', 'background'] as const)('is reported once and changes no answer, with %s', async (cleanup) => {
    const reports = await reportsOf('rm', 40, cleanup)
    if (cleanup === 'background') while (reports.length === 0) await new Promise(setImmediate)
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({ code: 'RELEASE_FAILED', cause: { code: 'EACCES' } })
  })

  test('is reported when the workspace cannot even be renamed', async () => {
    const reports = await reportsOf('renameSync', 40, 'background')
    expect(reports).toMatchObject([{ code: 'RELEASE_FAILED', cause: { code: 'EACCES' } }])
  })
})
