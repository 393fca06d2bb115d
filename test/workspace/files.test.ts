import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { finished, pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { RequestEndedError } from 'middy-managed-instances'
import type { Workspace } from 'middy-managed-instances/workspace'
import { entriesIn, failureOf, modeOf, ownDirectory, ownRoot, request } from './fixtures/requests.ts'

const run = promisify(execFile)

test.each([
  ['text', 'grün ✓', Buffer.from('grün ✓')],
  ['no text', '', Buffer.alloc(0)],
  ['much text', 'ü'.repeat(40_000), Buffer.from('ü'.repeat(40_000))],
  ['bytes', Buffer.from([0, 255, 128]), Buffer.from([0, 255, 128])],
  ['a part of a larger buffer', new Uint8Array([1, 2, 3, 4]).subarray(1, 3), Buffer.from([2, 3])],
])('what is written as %s is read back', async (_, data, expected) => {
  await request({ root: ownRoot() }, async (workspace) => {
    const file = await workspace.write('d/file', data)
    expect(file).toBe(workspace.file('d/file'))
    expect(readFileSync(file)).toEqual(expected)
    expect(await workspace.read('d/file')).toEqual(expected)
    expect(modeOf(file)).toBe(0o600)
  })
})

test('a file written again has nothing left of its longer former self', async () => {
  await request({ root: ownRoot() }, async (workspace) => {
    await workspace.write('file', 'a long text')
    await workspace.write('file', 'short')
    expect(await workspace.read('file', 'utf8')).toBe('short')
    await pipeline([Buffer.from('s')], workspace.createWriteStream('file'))
    expect(await workspace.read('file', 'utf8')).toBe('s')
  })
})

test.each([
  ['small', 10],
  ['large', 100_000],
])('a %s file is not written once the signal has aborted', async (_, size) => {
  const written = Promise.withResolvers<unknown>()
  const work = (workspace: Workspace, { signal }: { readonly signal: AbortSignal }): Promise<never> => {
    signal.addEventListener('abort', () =>
      written.resolve(failureOf(() => workspace.write('late', Buffer.alloc(size)))),
    )
    return new Promise(() => {})
  }
  expect(await failureOf(() => request({ root: ownRoot() }, work, { timeout: 60 }))).toMatchObject({
    name: 'TimeoutError',
  })
  expect(await written.promise).toMatchObject({ name: 'AbortError' })
})

test('streams write and read a file of mode 0600', async () => {
  await request({ root: ownRoot() }, async (workspace) => {
    const chunks = Array.from({ length: 200 }, (_, index) => Buffer.alloc(1_000, index))
    const stream = workspace.createWriteStream('d/large')
    await pipeline(chunks, stream)
    expect(stream.bytesWritten).toBe(200_000)
    expect(modeOf(workspace.file('d/large'))).toBe(0o600)
    const read = await workspace.createReadStream('d/large').toArray()
    expect(Buffer.concat(read)).toEqual(Buffer.concat(chunks))
  })
})

test('many corked writes arrive in order', async () => {
  await request({ root: ownRoot() }, async (workspace) => {
    const stream = workspace.createWriteStream('file')
    stream.cork()
    for (let index = 0; index < 500; index++) stream.write(`${index},`)
    stream.uncork()
    stream.end()
    await finished(stream)
    expect(await workspace.read('file', 'utf8')).toBe(Array.from({ length: 500 }, (_, index) => `${index},`).join(''))
  })
})

describe('a symbolic link as the last part', () => {
  const actions: [string, (workspace: Workspace, name: string) => unknown][] = [
    ['write', (workspace, name) => workspace.write(name, 'overwritten')],
    ['createWriteStream', (workspace, name) => pipeline(['overwritten'], workspace.createWriteStream(name))],
    ['read', (workspace, name) => workspace.read(name)],
    ['createReadStream', (workspace, name) => workspace.createReadStream(name).toArray()],
  ]
  test.each(actions)('is not followed by %s', async (_, action) => {
    const outside = ownDirectory()
    writeFileSync(join(outside, 'precious'), 'precious')
    await request({ root: ownRoot() }, async (workspace) => {
      symlinkSync(join(outside, 'precious'), workspace.file('link'))
      symlinkSync(join(outside, 'new'), workspace.file('dangling'))
      expect(await failureOf(() => action(workspace, 'link'))).toMatchObject({ code: 'ELOOP' })
      expect(await failureOf(() => action(workspace, 'dangling'))).toMatchObject({ code: 'ELOOP' })
    })
    expect(entriesIn(outside)).toEqual(['precious'])
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
  })
})

test('a file that is missing is ENOENT for both ways to read it', () =>
  request({ root: ownRoot() }, async (workspace) => {
    expect(await failureOf(() => workspace.read('missing'))).toMatchObject({ code: 'ENOENT' })
    expect(await failureOf(() => workspace.createReadStream('missing').toArray())).toMatchObject({ code: 'ENOENT' })
    expect(entriesIn(workspace.path)).toEqual([])
  }))

test('file() makes the parents and leaves the file to the caller', () =>
  request({ root: ownRoot() }, async (workspace) => {
    const file = workspace.file('a', 'b/c', 'd.txt')
    expect(file).toBe(join(workspace.path, 'a/b/c/d.txt'))
    expect(existsSync(file)).toBe(false)
    expect(existsSync(join(workspace.path, 'a/b/c'))).toBe(true)
  }))

describe('env()', () => {
  test('makes a child process keep its temporary files in the workspace', async () => {
    const root = ownRoot()
    const made = await request({ root }, async (workspace) => {
      const { stdout } = await run('mktemp', { env: workspace.env() })
      expect(stdout.trim().startsWith(`${workspace.path}/`)).toBe(true)
      expect(existsSync(stdout.trim())).toBe(true)
      const script = 'console.log(require("node:os").tmpdir(), process.env.TMP, process.env.TEMP)'
      const child = await run(process.execPath, ['-e', script], { env: workspace.env({ PATH: '/bin' }) })
      expect(child.stdout.trim()).toBe([workspace.path, workspace.path, workspace.path].join(' '))
      return stdout.trim()
    })
    expect(existsSync(made)).toBe(false)
    expect(entriesIn(root)).toEqual([])
  })

  test('adds to a copy of what it is given', () =>
    request({ root: ownRoot() }, async (workspace) => {
      const base = { A: 'a', TMPDIR: '/tmp' }
      expect(workspace.env(base)).toEqual({ A: 'a', TMPDIR: workspace.path, TMP: workspace.path, TEMP: workspace.path })
      expect(base).toEqual({ A: 'a', TMPDIR: '/tmp' })
      expect(workspace.env()).toMatchObject({ PATH: process.env['PATH'] })
      expect(process.env['TMP']).not.toBe(workspace.path)
    }))
})

describe('usage()', () => {
  test('adds up what is on the disk, whoever wrote it', () =>
    request({ root: ownRoot() }, async (workspace) => {
      await workspace.write('a', 'x'.repeat(10))
      writeFileSync(workspace.file('d/e/b'), 'x'.repeat(5))
      mkdirSync(join(workspace.path, 'empty'))
      expect(await workspace.usage()).toEqual({ files: 2, bytes: 15 })
      await workspace.write('a', '')
      expect(await workspace.usage()).toEqual({ files: 2, bytes: 5 })
    }))

  test('counts a symbolic link as itself', async () => {
    const outside = ownDirectory()
    writeFileSync(join(outside, 'large'), 'x'.repeat(10_000))
    await request({ root: ownRoot() }, async (workspace) => {
      symlinkSync(outside, workspace.file('link'))
      expect(await workspace.usage()).toEqual({ files: 1, bytes: outside.length })
    })
  })
})

test('everything but what needs no directory fails with RequestEndedError once the request has ended', async () => {
  const root = ownRoot()
  const kept = await request({ root }, async (workspace) => {
    await workspace.write('a', 'text')
    return { workspace }
  })
  const untouchedRoot = ownRoot()
  const untouched = await request({ root: untouchedRoot }, (workspace) => ({ workspace }))
  for (const { workspace } of [kept, untouched]) {
    const uses: (() => unknown)[] = [
      () => workspace.path,
      () => workspace.file('a'),
      () => workspace.write('a', 'late'),
      () => workspace.read('a'),
      () => workspace.createWriteStream('a'),
      () => workspace.createReadStream('a'),
      () => workspace.env(),
      () => workspace.usage(),
    ]
    for (const use of uses) {
      const error = await failureOf(use)
      expect(error).toBeInstanceOf(RequestEndedError)
      expect(error).toMatchObject({ code: 'REQUEST_ENDED', data: { resource: 'workspace', outcome: 'returned' } })
    }
  }
  expect(entriesIn(root)).toEqual([])
  expect(existsSync(untouchedRoot)).toBe(false)
})

test('a stream that the handler leaves open writes to nobody and leaves nothing', async () => {
  const root = ownRoot()
  const stream = await request({ root }, async (workspace) => {
    const stream = workspace.createWriteStream('left-open')
    await new Promise((resolve) => stream.write('first', () => resolve(undefined)))
    return stream
  })
  expect(entriesIn(root)).toEqual([])
  await new Promise((resolve) => stream.end('second', () => resolve(undefined)))
  expect(entriesIn(root)).toEqual([])
})

test('read-only files go with the workspace', async () => {
  const root = ownRoot()
  await request({ root }, async (workspace) => chmodSync(await workspace.write('a', 'x'), 0o000))
  expect(entriesIn(root)).toEqual([])
})

test('a named pipe, as an archive may hold one, keeps nobody waiting', () =>
  request({ root: ownRoot() }, async (workspace) => {
    const pipe = workspace.file('pipe')
    execFileSync('mkfifo', [pipe])
    // A reader that waits for a writer holds a thread of the process until there is one.
    const rescue = setInterval(() => closeSync(openSync(pipe, constants.O_RDWR)), 500)
    const started = performance.now()
    try {
      expect(await workspace.read('pipe', 'utf8')).toBe('')
      expect(await failureOf(() => workspace.write('pipe', 'x'))).toMatchObject({ code: 'ENXIO' })
      expect(performance.now() - started).toBeLessThan(500)
    } finally {
      clearInterval(rescue)
    }
  }))
