import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Workspace, WorkspacePathError } from 'middy-managed-instances/workspace'
import { failureOf, ownDirectory, ownRoot, request } from './fixtures/requests.ts'

const runs = { numRuns: 300 }

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('.', '/', '\\', '\0', ' ', 'a', ':', '~', '%', '\n', '\u202e', '\uff0e'),
    maxLength: 12,
  }),
  fc.constantFrom('.', '..', '...', '', ' ', '~', '-', '--', 'C:', 'C:\\x', '\\\\host\\share', 'CON', 'a\0b', '%2e%2e'),
  fc.constantFrom(
    '\ud800',
    'a\udfff',
    'é',
    'e\u0301',
    '👩‍👩‍👧‍👦',
    '\u0000',
    '.git',
    '..a',
    'a..',
    '/etc/passwd',
    '../../x',
  ),
  fc.nat(400).map((length) => 'n'.repeat(length)),
  fc.nat(100).map((length) => '€'.repeat(length)),
)

/** A name as a person would call it valid: what the workspace must take, whatever else it refuses. */
const plainPart = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019 -_.,;()[]{}+=@é漢字🙂'), minLength: 1, maxLength: 30 })
  .filter((part) => part !== '.' && part !== '..')

const treeOf = (directory: string): string[] => readdirSync(directory, { recursive: true }).map(String).sort()

/** Runs a property in one workspace, whose surroundings must stay as they are. */
const inWorkspace = async (check: (workspace: Workspace, outside: string) => Promise<void>): Promise<void> => {
  const base = ownDirectory()
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(base, 'outside/precious'), 'precious')
  await request({ root: join(base, 'root') }, (workspace) => check(workspace, join(base, 'outside')))
  expect(treeOf(base)).toEqual(['outside', join('outside', 'precious'), 'root', join('root', 'w0')])
  expect(readFileSync(join(base, 'outside/precious'), 'utf8')).toBe('precious')
}

describe('any list of names', () => {
  test('gives a path strictly inside the workspace, or WorkspacePathError', async () => {
    let taken = 0
    let refused = 0
    await inWorkspace((workspace) =>
      fc.assert(
        fc.asyncProperty(fc.array(segment, { maxLength: 5 }), async (names) => {
          let file: string
          try {
            file = workspace.file(...names)
          } catch (error) {
            expect(error).toBeInstanceOf(WorkspacePathError)
            expect(error).toMatchObject({ code: 'WORKSPACE_PATH', data: { names } })
            refused += 1
            return
          }
          taken += 1
          expect(file.startsWith(workspace.path + sep)).toBe(true)
          expect(file.slice(workspace.path.length + 1)).toBe(names.join('/'))
          expect(file.split(sep)).not.toContain('..')
        }),
        runs,
      ),
    )
    expect(taken).toBeGreaterThan(20)
    expect(refused).toBeGreaterThan(20)
  })

  test('that is sound is taken, and its file is written and found', async () => {
    await inWorkspace((workspace) =>
      fc.assert(
        fc.asyncProperty(fc.array(plainPart, { minLength: 1, maxLength: 4 }), fc.nat(), async (parts, index) => {
          // A directory of its own for each run: a part may be a file in one and a directory in the next.
          const file = await workspace.write(`${index}/d/${parts.join('/')}`, parts.join())
          expect(readFileSync(file, 'utf8')).toBe(parts.join())
          expect(await workspace.read([String(index), 'd', ...parts].join('/'), 'utf8')).toBe(parts.join())
          expect(treeOf(workspace.path)).toContain(join(String(index), 'd', ...parts))
        }),
        { numRuns: 100 },
      ),
    )
  })
})

describe.each([
  ['no name', [], 'expected at least one name'],
  ['an empty name', [''], 'must not be empty'],
  ['an empty part', ['a//b'], 'must not be empty or have an empty part'],
  ['a trailing slash', ['a/'], 'must not be empty or have an empty part'],
  ['an absolute name', ['/etc/passwd'], 'must not be absolute'],
  ['an absolute second name', ['a', '/etc/passwd'], 'must not be absolute'],
  ['a parent', ['..'], '".."'],
  ['a parent inside', ['a/../../b'], '".."'],
  ['a parent last', ['a', '..'], '".."'],
  ['the directory itself', ['.'], '"."'],
  ['NUL', ['a\0.txt'], 'NUL'],
  ['a backslash', ['a\\b'], 'backslash'],
  ['a Windows path', ['C:\\Windows'], 'backslash'],
  ['a lone surrogate', ['\ud800'], 'well-formed Unicode'],
  ['a name over 255 bytes', ['€'.repeat(86)], 'longer than 255 bytes'],
  ['a path over 4095 bytes', Array.from({ length: 30 }, () => 'a'.repeat(200)), 'longer than 4095 bytes'],
  ['undefined', [undefined], 'strings'],
  ['a number', [1], 'strings'],
  ['a bigint', [1n], 'strings'],
  ['a symbol', [Symbol('a')], 'strings'],
  ['an object', [{ toString: () => 'a' }], 'strings'],
] as [string, unknown[], string][])('%s', (_, names, problem) => {
  test('is refused with what was received and what to do', async () => {
    await request({ root: ownRoot() }, async (workspace) => {
      const error = await failureOf(() => workspace.file(...(names as string[])))
      expect(error).toBeInstanceOf(WorkspacePathError)
      expect(error).toMatchObject({ code: 'WORKSPACE_PATH', data: { names }, retryable: false })
      expect((error as Error).message).toMatch(/^workspace\.file\(\): .*received .*Use relative names/s)
      expect((error as Error).message).toContain(problem)
    })
  })
})

test.each(['write', 'read', 'createWriteStream', 'createReadStream'] as const)('%s refuses the same names', (method) =>
  request({ root: ownRoot() }, async (workspace) => {
    const call = workspace[method].bind(workspace) as (name: string, data: string) => unknown
    for (const name of ['../a', '/etc/passwd', 'a\0', 'a\\b', ''])
      expect(await failureOf(() => call(name, 'utf8'))).toBeInstanceOf(WorkspacePathError)
  }),
)

test('the longest name of 255 bytes is taken', () =>
  request({ root: ownRoot() }, async (workspace) => {
    const name = `${'€'.repeat(84)}abc`
    await workspace.write(name, 'x')
    expect(readdirSync(workspace.path)).toEqual([name])
  }))

describe('a symbolic link where a directory is needed', () => {
  test.each(['file', 'write', 'read', 'createWriteStream', 'createReadStream'] as const)(
    'is not followed by %s',
    async (method) => {
      const outside = ownDirectory()
      writeFileSync(join(outside, 'precious'), 'precious')
      await request({ root: ownRoot() }, async (workspace) => {
        mkdirSync(join(workspace.path, 'unpacked'))
        symlinkSync(outside, join(workspace.path, 'unpacked/link'))
        symlinkSync('.', join(workspace.path, 'self'))
        const call = workspace[method].bind(workspace) as (...names: string[]) => unknown
        for (const name of ['unpacked/link/precious', 'self/a', 'unpacked/link/deeper/new'])
          expect(await failureOf(() => call(name))).toBeInstanceOf(WorkspacePathError)
      })
      expect(treeOf(outside)).toEqual(['precious'])
      expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
    },
  )

  test('is removed with the workspace, and what it points at stays', async () => {
    const outside = ownDirectory()
    mkdirSync(join(outside, 'd'))
    writeFileSync(join(outside, 'd/precious'), 'precious')
    const path = await request({ root: ownRoot() }, (workspace) => {
      symlinkSync(join(outside, 'd'), join(workspace.path, 'directory'))
      symlinkSync(join(outside, 'd/precious'), join(workspace.path, 'file'))
      symlinkSync('/nowhere', join(workspace.path, 'dangling'))
      return workspace.path
    })
    expect(existsSync(path)).toBe(false)
    expect(treeOf(outside)).toEqual(['d', 'd/precious'])
  })
})
