import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { LocalRuntimeError, type RuntimeOptions, startRuntime } from '../../src/local/index.ts'
import { fixture, fixtures, nodes, projectRoot, until } from '../local/fixtures/paths.ts'

const cwd = projectRoot

async function failure(options: RuntimeOptions): Promise<LocalRuntimeError> {
  try {
    const runtime = await startRuntime({ cwd, workers: 2, ...options })
    await runtime.stop()
  } catch (error) {
    if (error instanceof LocalRuntimeError) return error
    throw error
  }
  throw new Error('The runtime started.')
}

async function answer(options: RuntimeOptions, event: unknown = {}): Promise<unknown> {
  const runtime = await startRuntime({ cwd, workers: 1, ...options })
  try {
    const result = await runtime.invoke(event)
    return result.status === 'ok' ? result.payload : result
  } finally {
    await runtime.stop()
  }
}

describe('startRuntime finds', () => {
  test.each(nodes)('a TypeScript handler on %s', async (_, nodePath) => {
    await expect(answer({ handler: fixture('typed.handler'), nodePath }, { name: 'Ada' })).resolves.toEqual({
      hello: 'Ada',
    })
  })

  test('a file named with its extension, an absolute path and a path outside the working directory', async () => {
    await expect(answer({ handler: fixture('typed.ts.handler') }, { name: 'Ada' })).resolves.toEqual({ hello: 'Ada' })
    await expect(answer({ handler: path.join(fixtures, 'exports.orders.get') })).resolves.toBe('nested')
    await expect(
      answer({ handler: '../fixtures/exports.mjs.orders.get', cwd: path.join(fixtures, '../fixtures') }),
    ).resolves.toBe('nested')
    await expect(
      answer({ handler: '../local/fixtures/exports.inDefault', cwd: path.join(cwd, 'test/local') }),
    ).resolves.toBe('default')
  })

  test('the file it was told of, when another one has the same name before the dot', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'lmi-test-'))
    try {
      writeFileSync(path.join(directory, 'a.js'), 'exports.handler = async () => "js"')
      writeFileSync(path.join(directory, 'a.mjs'), 'export const handler = async () => "mjs"')
      await expect(answer({ handler: path.join(directory, 'a.handler') })).resolves.toBe('js')
      await expect(answer({ handler: path.join(directory, 'a.mjs.handler') })).resolves.toBe('mjs')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe('startRuntime says', () => {
  test('that the file is missing', async () => {
    const error = await failure({ handler: fixture('nowhere.handler') })
    expect(error.code).toBe('HANDLER_FILE_MISSING')
    expect(error.message).toMatch(
      /^startRuntime: .* does not exist: "test\/local\/fixtures\/nowhere\.handler" .*nowhere\.mjs/,
    )
  })

  test('that the export is missing, or not a function', async () => {
    const missing = await failure({ handler: fixture('exports.nobody') })
    expect(missing.code).toBe('HANDLER_EXPORT_MISSING')
    expect(missing.message).toContain('is undefined or not exported')
    const number = await failure({ handler: fixture('exports.number') })
    expect(number.code).toBe('HANDLER_EXPORT_MISSING')
    expect(number.message).toContain('is not a function')
  })

  test.each(nodes)('that a callback handler must become async, on %s', async (_, nodePath) => {
    const error = await failure({ handler: fixture('exports.withCallback'), nodePath })
    expect(error.code).toBe('CALLBACK_HANDLER')
    expect(error.message).toContain('Make it an async function')
  })

  test('what the module threw', async () => {
    const error = await failure({ handler: fixture('init-throws.handler') })
    expect(error).toMatchObject({ code: 'INIT_FAILED', errorType: 'TypeError' })
    expect(error.message).toContain('TypeError: no database today')
    expect(error.message).toContain('init-throws.mjs:1')
  })

  test('that the module has a syntax error', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'lmi-test-'))
    try {
      writeFileSync(path.join(directory, 'broken.mjs'), 'export const handler = async () => {')
      await expect(failure({ handler: path.join(directory, 'broken.handler') })).resolves.toMatchObject({
        code: 'INIT_FAILED',
        errorType: 'Runtime.UserCodeSyntaxError',
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('that the module ended its worker', async () => {
    const error = await failure({ handler: fixture('init-exits.handler') })
    expect(error.code).toBe('INIT_FAILED')
    expect(error.message).toMatch(/worker \d ended with exit code 3/)
  })

  test('that the init took too long, and leaves no process', async () => {
    const error = await failure({ handler: fixture('init-waits.handler'), initTimeout: 700 })
    expect(error.code).toBe('INIT_TIMEOUT')
    expect(error.message).toContain('longer than 700 ms: 0 of 2 workers were ready')
  })

  test('that the Node.js is not there, or is none', async () => {
    const missing = await failure({ handler: fixture('echo.handler'), nodePath: '/nowhere/node' })
    expect(missing.code).toBe('PROCESS_FAILED')
    expect(missing.message).toContain('ENOENT')
    const wrong = await failure({ handler: fixture('echo.handler'), nodeOptions: ['--no-such-flag'] })
    expect(wrong.code).toBe('PROCESS_FAILED')
    expect(wrong.message).toContain('--no-such-flag')
  })

  test('that the Node.js is a script that starts another one', async () => {
    const error = await failure({ handler: fixture('echo.handler'), nodePath: `${cwd}/node_modules/.bin/node24` })
    expect(error.code).toBe('PROCESS_FAILED')
    expect(error.message).toContain('nodePath must be the Node.js binary itself')
  })

  test('the caller’s own reason when it gave up', async () => {
    const controller = new AbortController()
    const start = startRuntime({ handler: fixture('init-waits.handler'), cwd, workers: 1, signal: controller.signal })
    const reason = new Error('not now')
    controller.abort(reason)
    await expect(start).rejects.toBe(reason)
  })
})

describe('the function sees', () => {
  interface Seen {
    readonly env: Record<string, string>
    readonly cwd: string
    readonly version: string
    readonly tmp: string
    readonly pid: number
  }

  test.each(nodes)('the variables of Lambda Managed Instances on %s', async (_, nodePath) => {
    const { env, cwd: seen } = (await answer({
      handler: fixture('environment.handler'),
      nodePath,
      workers: 3,
      concurrency: 7,
      memorySize: 4096,
      functionName: 'orders',
      env: { TABLE: 'orders', AWS_LAMBDA_LOG_LEVEL: 'WARN', HOME: undefined },
      nodeOptions: ['--stack-trace-limit=50'],
    })) as Seen
    expect(env).toMatchObject({
      AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
      AWS_LAMBDA_NODEJS_WORKER_COUNT: '3',
      AWS_LAMBDA_MAX_CONCURRENCY: '7',
      AWS_LAMBDA_FUNCTION_NAME: 'orders',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '4096',
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
      AWS_LAMBDA_LOG_LEVEL: 'WARN',
      AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${nodePath.match(/node(\d+)/)?.[1]}.x`,
      LAMBDA_TASK_ROOT: cwd,
      _HANDLER: fixture('environment.handler'),
      NODE_OPTIONS: '--stack-trace-limit=50',
      TABLE: 'orders',
    })
    expect(env).not.toHaveProperty('HOME')
    expect(env).not.toHaveProperty('UV_THREADPOOL_SIZE')
    expect(Object.keys(env).filter((name) => name.startsWith('MIDDY_MANAGED_INSTANCES'))).toEqual([])
    expect(seen).toBe(cwd)
  })

  test('a temporary directory of its own, gone when the runtime is stopped', async () => {
    const runtime = await startRuntime({ handler: fixture('environment.handler'), cwd, workers: 1, privateTmp: true })
    const result = await runtime.invoke({ file: 'note.txt' })
    expect(result).toMatchObject({ status: 'ok', payload: { tmp: runtime.tmp } })
    await runtime.stop()
    expect(() => rmSync(runtime.tmp)).toThrow('ENOENT')
  })
})

describe('lines written past console', () => {
  test('are kept under no request, and handed to onLog', async () => {
    const lines: string[] = []
    const onLog: RuntimeOptions['onLog'] = (line) =>
      lines.push(`${line.source} ${line.worker} ${line.requestId} ${line.text}`)
    const runtime = await startRuntime({ handler: fixture('environment.handler'), cwd, workers: 1, onLog })
    try {
      await runtime.invoke({ print: 'to stdout' })
      await until(() => runtime.logs('-').includes('to stdout'))
      expect(lines).toContain('stdout undefined - to stdout')
    } finally {
      await runtime.stop()
    }
  })
})
