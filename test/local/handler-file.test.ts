import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { findHandler } from '../../src/local/handler-file.ts'
import { HandlerFileMissingError } from '../../src/local/index.ts'

let root: string
beforeAll(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'lmi-test-')))
  mkdirSync(path.join(root, 'src/a'), { recursive: true })
  mkdirSync(path.join(root, 'odd..name'))
  for (const file of ['src/a.js', 'src/a.mjs', 'src/b.ts', 'src/c.mts', 'src/d', 'src/e.cjs', 'odd..name/f.mjs']) {
    writeFileSync(path.join(root, file), '')
  }
})
afterAll(() => rmSync(root, { recursive: true }))

describe('findHandler', () => {
  test.each([
    ['src/e.handler', 'src/e.cjs', 'src/e.handler', false],
    ['src/b.handler', 'src/b.ts', 'src/b.handler', true],
    ['src/b.ts.handler', 'src/b.ts', 'src/b.handler', true],
    ['src/c.api.get', 'src/c.mts', 'src/c.api.get', true],
    ['src/d.handler', 'src/d', 'src/d.handler', false],
    // The client itself imports the directory and fails, here as on Lambda.
    ['src/a.handler', 'src/a.js', 'src/a.handler', false],
    ['src/a.mjs.handler', 'src/a.mjs', 'src/a.handler', true],
    ['./src/e.handler', 'src/e.cjs', 'src/e.handler', false],
    ['src/../src/e.handler', 'src/e.cjs', 'src/e.handler', false],
  ])('finds %s', (handler, file, named, redirected) => {
    const found = findHandler(handler, root)
    expect(found).toMatchObject({ file: path.join(root, file), taskRoot: root, handler: named })
    const probe = path.join(root, named.slice(0, named.indexOf('.')))
    expect(found.redirect).toEqual(redirected ? { probe, url: pathToFileURL(path.join(root, file)).href } : undefined)
  })

  test('takes the file’s own folder as the task root when the client would refuse the path', () => {
    expect(findHandler('../src/b.handler', path.join(root, 'src'))).toMatchObject({
      taskRoot: path.join(root, 'src'),
      handler: 'b.handler',
    })
    expect(findHandler('../e.handler', path.join(root, 'src/a'))).toMatchObject({
      taskRoot: path.join(root, 'src'),
      handler: 'e.handler',
    })
    expect(findHandler('odd..name/f.handler', root)).toMatchObject({
      taskRoot: path.join(root, 'odd..name'),
      handler: 'f.handler',
    })
  })

  test.each(['src/nothing.handler', 'src/b', 'src/.handler', 'src/b.', 'nowhere/b.handler'])(
    'refuses %s',
    (handler) => {
      expect(() => findHandler(handler, root)).toThrow(HandlerFileMissingError)
    },
  )

  test('reads an extension as an export where no such file is', () => {
    expect(findHandler('src/b.js.handler', root)).toMatchObject({
      file: path.join(root, 'src/b.ts'),
      handler: 'src/b.js.handler',
    })
  })
})
