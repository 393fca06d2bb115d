import { describe, expect, test } from '@jest/globals'
import { type WorkspaceOptions, workspace } from 'middy-managed-instances/workspace'

const wrong: [string, unknown, string][] = [
  ['root', 'relative/path', "an absolute path, received 'relative/path'"],
  ['root', '', "an absolute path, received ''"],
  ['root', 5, 'an absolute path, received 5'],
  ['root', '/a\0b', "an absolute path, received '/a\\x00b'"],
  ['contextKey', '', "a non-empty string without NUL, received ''"],
  ['contextKey', Symbol('x'), 'a non-empty string without NUL, received Symbol(x)'],
  ['maxBytes', -1, 'a whole number of bytes, 0 or more, received -1'],
  ['maxBytes', 1.5, 'a whole number of bytes, 0 or more, received 1.5'],
  ['maxBytes', '1 MB', "a whole number of bytes, 0 or more, received '1 MB'"],
  ['maxBytes', Number.NaN, 'a whole number of bytes, 0 or more, received NaN'],
  ['maxBytes', null, 'a whole number of bytes, 0 or more, received null'],
  ['minFreeBytes', Number.POSITIVE_INFINITY, 'a whole number of bytes, 0 or more, received Infinity'],
  ['cleanup', 'later', "'await' or 'background', received 'later'"],
  ['grace', -1, 'a number of milliseconds from 0 to 2147483647, received -1'],
  ['grace', 2 ** 31, 'a number of milliseconds from 0 to 2147483647, received 2147483648'],
  ['grace', Number.NaN, 'a number of milliseconds from 0 to 2147483647, received NaN'],
  ['keepOnError', 'yes', "true or false, received 'yes'"],
]

const make = (options: unknown): unknown => workspace(options as WorkspaceOptions & { contextKey?: 'workspace' })

describe('workspace()', () => {
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`workspace(): option "${option}" must be ${problem}.`)
  })

  test('refuses an option it does not know, and names those it does', () => {
    const attempt = (): unknown => make({ maxSize: 1 })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow('workspace(): unknown option "maxSize" (received 1); expected one of root, contextKey,')
    for (const option of ['maxBytes', 'minFreeBytes', 'cleanup', 'grace', 'keepOnError'])
      expect(attempt).toThrow(option)
  })

  test.each([[null], ['options'], [[]], [5]])('refuses %p in place of options', (options) => {
    expect(() => make(options)).toThrow(TypeError)
    expect(() => make(options)).toThrow('workspace(): expected an object of options, received')
  })

  test('takes every option, none, and undefined for any', () => {
    const options = {
      root: '/tmp/a',
      contextKey: 'files',
      maxBytes: 0,
      minFreeBytes: 1,
      cleanup: 'await',
      grace: 0,
      keepOnError: true,
    }
    make(options)
    make(undefined)
    make(Object.fromEntries(Object.keys(options).map((key) => [key, undefined])))
  })

  test('leaves the options as they were given', () => {
    const options = Object.freeze({ grace: 5 })
    make(options)
    expect(options).toEqual({ grace: 5 })
  })

  test('names its hooks, for plugins that are told of them', () => {
    const { before, after, onError } = workspace()
    expect([before?.name, after?.name, onError?.name]).toEqual([
      'workspaceBefore',
      'workspaceAfter',
      'workspaceOnError',
    ])
  })
})
