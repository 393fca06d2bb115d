import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { fixture, isAlive, nodes, projectRoot, until } from '../local/fixtures/paths.ts'

const nodePath = process.execPath
const command = [
  '--conditions=middy-managed-instances/source',
  '--disable-warning=ExperimentalWarning',
  'src/local/command.ts',
]

function start(words: readonly string[], node = nodePath): ChildProcess {
  return spawn(node, [...command, ...words], { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] })
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function lmi(words: readonly string[], node = nodePath): Promise<Ended> {
  const child = start(words, node)
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('no pipes')
  const [out, err, [code]] = await Promise.all([
    text(stdout),
    text(stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, out, err }
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'lmi-test-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function eventFile(event: unknown): string {
  const file = path.join(directory, `${Math.random()}.json`)
  writeFileSync(file, JSON.stringify(event))
  return file
}

describe('lmi run', () => {
  test.each(nodes)('on %s prints a report a person reads', async (_, node) => {
    const { code, out } = await lmi(['run', fixture('echo.handler'), '--requests', '300', '--workers', '2'], node)
    expect(code).toBe(0)
    expect(out).toMatch(/Requests +300: 300 ok, 0 errors, 0 timeouts/)
    expect(out).toMatch(/Throughput +[\d,]+ requests\/s/)
    expect(out).toMatch(/Latency +p50 [\d.]+ ms, p99 [\d.]+ ms/)
    expect(out).toMatch(/In flight +at most \d+; by worker \d+ \d+\n/)
    expect(out).toMatch(/Leaked +0 directories under .+/)
    expect(out).toMatch(/Result +passed/)
  })

  test('with --json prints the report as its last line, and takes the items of an event file in turn', async () => {
    const event = eventFile([{ a: 1 }, { throw: 'second' }])
    const words = ['run', fixture('echo.handler'), '--event', event, '--requests', '10', '--workers', '1', '--json']
    const { code, out } = await lmi(words)
    expect(code).toBe(1)
    expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      handler: fixture('echo.handler'),
      requests: 10,
      ok: 5,
      errors: { TypeError: 5 },
      unexpectedErrors: 5,
      unanswered: 0,
      leaked: 0,
      peakInFlightPerWorker: [expect.any(Number)],
      failures: ['5 failed'],
    })
    await expect(lmi([...words, '--expect-error', 'TypeError'])).resolves.toMatchObject({ code: 0 })
  })

  test('fails when a worker dies, and names it', async () => {
    const event = eventFile({ end: 'throw' })
    const { code, out } = await lmi([
      'run',
      fixture('deadly.handler'),
      '--event',
      event,
      '--requests',
      '2',
      '--workers',
      '1',
    ])
    expect(code).toBe(1)
    expect(out).toMatch(/Dead worker +worker 0 died of an uncaught error: RangeError: gone too far/)
    expect(out).toMatch(/failed: \d unanswered/)
  })

  test('counts what is left under the workspace root, beside what was there before', async () => {
    const root = path.join(directory, 'root')
    const words = ['run', fixture('leaves.handler'), '--requests', '3', '--workers', '1', '--settle', '100']
    const own = await lmi(words)
    expect(own.code).toBe(1)
    expect(own.out).toMatch(/Leaked +3 directories under .*lmi-\w+\/middy-managed-instances/)
    for (let run = 0; run < 2; run += 1) {
      const { code, out } = await lmi([...words, '--root', root, '--env', `ROOT=${root}`])
      expect(code).toBe(1)
      expect(out).toContain(`3 directories under ${root}`)
    }
  })

  test('shows the function’s lines with --logs', async () => {
    const words = [
      'run',
      fixture('echo.handler'),
      '--requests',
      '1',
      '--workers',
      '1',
      '--logs',
      '--event',
      eventFile({ log: 'hello' }),
    ]
    const { err } = await lmi(words)
    expect(err).toMatch(/^worker 0 {2}\{.*"message":"hello"\}$/m)
  })

  test('explains a start that failed', async () => {
    await expect(lmi(['run', fixture('exports.withCallback')])).resolves.toMatchObject({
      code: 1,
      err: expect.stringContaining('Make it an async function'),
    })
  })
})

describe('lmi', () => {
  test.each([
    [[], 'a command is missing'],
    [['walk'], 'unknown command "walk"'],
    [['--wlak'], 'unknown option "--wlak"'],
    [['run'], 'FILE.handler is missing'],
    [['run', 'a.b', 'c.d'], 'one handler is expected'],
    [['run', 'a.b', '--reqests', '3'], "Unknown option '--reqests'"],
    [['run', 'a.b', '--requests', 'many'], '--requests must be a whole number, received "many"'],
    [['run', 'a.b', '--env', 'NAME'], '--env must be NAME=VALUE, received "NAME"'],
    [['run', 'a.b', '--event', '/nowhere.json'], '--event must be a file of JSON'],
    [['run', fixture('echo.handler'), '--workers', '0'], 'option "workers" must be a whole number from 1'],
    [['serve', 'a.b', '--port', 'x'], '--port must be a whole number'],
  ])('%j ends with exit code 2 and says why', async (words, message) => {
    const { code, err } = await lmi(words)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toMatch(/See lmi.* --help\./)
  })

  test('helps, and says its version', async () => {
    await expect(lmi(['--help'])).resolves.toMatchObject({
      code: 0,
      out: expect.stringContaining('lmi serve FILE.handler'),
    })
    await expect(lmi(['run', '--help'])).resolves.toMatchObject({
      code: 0,
      out: expect.stringContaining('--requests N'),
    })
    await expect(lmi(['serve', '-h'])).resolves.toMatchObject({ code: 0, out: expect.stringContaining('--port N') })
    await expect(lmi(['--version'])).resolves.toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })
})

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, exitCode) => {
  test.each(nodes)('ends lmi run on %s and leaves neither process nor directory', async (_, node) => {
    const event = eventFile({ sleep: 20_000, log: 'running' })
    const child = start(['run', fixture('environment.slow'), '--event', event, '--workers', '2', '--logs'], node)
    const { pid, tmp } = await announced(child)
    expect(isAlive(pid) && existsSync(tmp)).toBe(true)
    child.kill(signal)
    await expect(once(child, 'exit')).resolves.toEqual([exitCode, null])
    await until(() => !isAlive(pid) && !existsSync(tmp))
  })

  test('ends lmi serve and closes its port', async () => {
    const child = start(['serve', fixture('echo.handler'), '--port', '0', '--workers', '1'])
    const url = await served(child)
    const response = await fetch(`${url}/2015-03-31/functions/a/invocations`, { method: 'POST', body: '{"b":1}' })
    await expect(response.json()).resolves.toMatchObject({ event: { b: 1 } })
    child.kill(signal)
    await expect(once(child, 'exit')).resolves.toEqual([exitCode, null])
    await expect(fetch(url)).rejects.toThrow()
  })
})

test('a second Ctrl-C ends at once what ignores the first', async () => {
  const ignoring = `NODE_OPTIONS=--import=${path.join(projectRoot, 'test/local/fixtures/ignores-sigterm.mjs')}`
  const child = start(['run', fixture('environment.slow'), '--workers', '1', '--logs', '--env', ignoring])
  const { pid, tmp } = await announced(child)
  child.kill('SIGINT')
  const started = performance.now()
  const second = setInterval(() => child.kill('SIGINT'), 50)
  await expect(once(child, 'exit')).resolves.toEqual([130, null])
  clearInterval(second)
  expect(performance.now() - started).toBeLessThan(1900)
  await until(() => !isAlive(pid) && !existsSync(tmp))
})

test('lmi serve ends when its environment does, and says why', async () => {
  const child = start(['serve', fixture('deadly.handler'), '--port', '0', '--workers', '1'])
  const errors = text(child.stderr as NodeJS.ReadableStream)
  const url = await served(child)
  const exited = once(child, 'exit')
  await fetch(`${url}/2015-03-31/functions/a/invocations`, { method: 'POST', body: '{"end":"throw"}' }).catch(() => {})
  await expect(exited).resolves.toEqual([1, null])
  await expect(errors).resolves.toContain('RangeError: gone too far')
})

async function served(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout ?? []) {
    const url = /http:\/\/[\d.]+:\d+/.exec(String(chunk))?.[0]
    if (url !== undefined) return url
  }
  throw new Error('lmi serve ended.')
}

async function announced(child: ChildProcess): Promise<{ pid: number; tmp: string }> {
  let seen = ''
  child.stdout?.resume()
  for await (const chunk of child.stderr ?? []) {
    seen += chunk
    const [, pid, tmp] = /pid=(\d+) tmp=([^"\s]+)/.exec(seen) ?? []
    if (pid !== undefined && tmp !== undefined) return { pid: Number(pid), tmp }
  }
  throw new Error(`lmi ended: ${seen}`)
}
