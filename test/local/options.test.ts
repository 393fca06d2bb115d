import { describe, expect, test } from '@jest/globals'
import type { RuntimeOptions } from '../../src/local/index.ts'
import { resolveOptions } from '../../src/local/options.ts'

const handler = 'a.handler'

describe('the options of startRuntime', () => {
  test('have the documented defaults', () => {
    expect(resolveOptions({ handler })).toEqual({
      handler,
      workers: 8,
      concurrency: 64,
      timeout: 30_000,
      env: {},
      nodePath: process.execPath,
      cwd: process.cwd(),
      nodeOptions: [],
      functionName: 'local',
      memorySize: 2048,
      initTimeout: 60_000,
      stopTimeout: 2000,
      privateTmp: false,
      maxLogBytes: 16_777_216,
      onLog: undefined,
      signal: undefined,
    })
  })

  test.each<[object | undefined, string]>([
    [{}, 'option "handler" must be a non-empty string without NUL, received undefined'],
    [{ handler: '' }, 'option "handler" must be a non-empty string without NUL, received \'\''],
    [{ handler, workers: 0 }, 'option "workers" must be a whole number from 1 to 1024, received 0'],
    [{ handler, workers: 1.5 }, 'option "workers" must be a whole number from 1 to 1024, received 1.5'],
    [{ handler, concurrency: 1601 }, 'option "concurrency" must be a whole number from 1 to 1600, received 1601'],
    [{ handler, timeout: '3' }, 'option "timeout" must be a whole number from 1 to 2147483647, received \'3\''],
    [{ handler, env: [] }, 'option "env" must be an object of strings, received []'],
    [{ handler, env: { A: 1 } }, 'option "env.A" must be a string or undefined, received 1'],
    [
      { handler, env: { _HANDLER: 'b.c' } },
      'option "env._HANDLER" must be absent: the option "handler" sets it, received \'b.c\'',
    ],
    [{ handler, nodePath: 7 }, 'option "nodePath" must be a non-empty string without NUL, received 7'],
    [{ handler, nodePath: 'a\0b' }, 'option "nodePath" must be a non-empty string without NUL, received \'a\\x00b\''],
    [{ handler, cwd: null }, 'option "cwd" must be a non-empty string without NUL, received null'],
    [{ handler, nodeOptions: '--x' }, 'option "nodeOptions" must be an array of strings, received \'--x\''],
    [{ handler, functionName: '' }, 'option "functionName" must be a non-empty string without NUL'],
    [{ handler, memorySize: 1 }, 'option "memorySize" must be a whole number from 128 to 32768, received 1'],
    [{ handler, initTimeout: -1 }, 'option "initTimeout" must be a whole number'],
    [
      { handler, stopTimeout: Number.NaN },
      'option "stopTimeout" must be a whole number from 0 to 2147483647, received NaN',
    ],
    [{ handler, privateTmp: 1 }, 'option "privateTmp" must be true or false, received 1'],
    [{ handler, maxLogBytes: -1 }, 'option "maxLogBytes" must be a whole number of bytes, 0 or more, received -1'],
    [{ handler, onLog: {} }, 'option "onLog" must be a function, received {}'],
    [{ handler, signal: {} }, 'option "signal" must be an AbortSignal, received {}'],
    [{ handler, nodeOptions: [1] }, 'option "nodeOptions" must be an array of strings, received [ 1 ]'],
    [{ handler, worker: 4 }, 'unknown option "worker" (received 4); expected one of handler, workers, concurrency,'],
    [undefined, 'option "handler" must be a non-empty string without NUL, received undefined'],
  ])('are refused when wrong: %j', (options, message) => {
    expect(() => resolveOptions(options as RuntimeOptions)).toThrow(TypeError)
    expect(() => resolveOptions(options as RuntimeOptions)).toThrow(`startRuntime(): ${message}`)
  })

  test('are all optional but the handler, and none when undefined', () => {
    const given = resolveOptions({ handler })
    const undefinedOnes = Object.fromEntries(Object.keys(given).map((name) => [name, undefined]))
    expect(resolveOptions({ ...undefinedOnes, handler })).toEqual(given)
  })

  test.each([null, 'a.handler', []])('must be an object, not %j', (options) => {
    expect(() => resolveOptions(options as unknown as RuntimeOptions)).toThrow(
      'startRuntime(): expected an object of options, received',
    )
  })
})
