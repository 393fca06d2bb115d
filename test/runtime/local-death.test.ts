import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, test } from '@jest/globals'
import { type LocalRuntime, NotRunningError, type RuntimeOptions, startRuntime } from '../../src/local/index.ts'
import { fixture, isAlive, nodes, projectRoot, until } from '../local/fixtures/paths.ts'

async function using(options: Partial<RuntimeOptions>, use: (runtime: LocalRuntime) => Promise<void>): Promise<void> {
  const runtime = await startRuntime({ handler: fixture('deadly.handler'), cwd: projectRoot, workers: 2, ...options })
  try {
    await use(runtime)
  } finally {
    await runtime.stop()
  }
}

describe('a worker that dies', () => {
  test.each(
    nodes.flatMap(([name, nodePath]) => [
      [name, nodePath, 'throw', 'RangeError: gone too far'] as const,
      [name, nodePath, 'reject', 'Error: nobody listens'] as const,
      [name, nodePath, 'exit', 'ended with exit code 7'] as const,
    ]),
  )('on %s leaves its own requests unanswered, with the reason, and no other', (_, nodePath, end, reason) =>
    using({ nodePath }, async (runtime) => {
      const others = Array.from({ length: 12 }, () => runtime.invoke({ after: 1200 }))
      const deadly = await runtime.invoke({ after: 100, end })
      expect(deadly).toMatchObject({
        status: 'unanswered',
        error: { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining(reason) },
      })
      const beside = await Promise.all(others)
      const lost = beside.filter((result) => result.worker === deadly.worker)
      expect(lost.length).toBeGreaterThan(0)
      expect(lost.length).toBeLessThan(beside.length)
      for (const result of beside) expect(result.status).toBe(lost.includes(result) ? 'unanswered' : 'ok')
      expect(runtime.stats().workers[deadly.worker ?? -1]).toMatchObject({
        alive: false,
        diedOf: expect.stringContaining(`worker ${deadly.worker}`),
      })
      expect(runtime.stats().unanswered).toBe(lost.length + 1)
      await expect(runtime.invoke()).resolves.toMatchObject({ status: 'ok' })
    }),
  )

  test.each(['exit', 'throw'])('right after an answer has given it, even to a caller that is busy (%s)', (end) =>
    using({ workers: 1 }, async (runtime) => {
      const answered = runtime.invoke({ end, answerFirst: 6_000_000 })
      await new Promise(setImmediate)
      const busyUntil = performance.now() + 400
      while (performance.now() < busyUntil);
      await expect(answered).resolves.toMatchObject({ status: 'ok', body: { length: 6_000_002 } })
      await runtime.exited
    }),
  )

  test('as the last one ends the environment: later calls are refused with the reason', () =>
    using({ workers: 1 }, async (runtime) => {
      await expect(runtime.invoke({ end: 'throw' })).resolves.toMatchObject({ status: 'unanswered' })
      await expect(runtime.exited).resolves.toMatchObject({ exitCode: 0 })
      const refused = runtime.invoke()
      await expect(refused).rejects.toBeInstanceOf(NotRunningError)
      await expect(refused).rejects.toThrow('RangeError: gone too far')
      await expect(runtime.burst([{}])).rejects.toBeInstanceOf(NotRunningError)
    }))
})

describe('an environment that is killed', () => {
  test('leaves what is in flight and what waits unanswered', () =>
    using({ concurrency: 2 }, async (runtime) => {
      const results = [1, 2, 3].map(() => runtime.invoke({ after: 5000 }))
      await until(() => runtime.inFlight === 2)
      runtime.kill('SIGKILL')
      for (const result of await Promise.all(results)) {
        expect(result).toMatchObject({
          status: 'unanswered',
          error: { errorMessage: expect.stringContaining('SIGKILL') },
        })
      }
      await expect(runtime.exited).resolves.toMatchObject({ signal: 'SIGKILL', exitCode: null })
    }))

  test('ends a burst with a result for every event', () =>
    using({}, async (runtime) => {
      const burst = runtime.burst(Array.from({ length: 300 }, () => ({ after: 20 })))
      await until(() => runtime.stats().answers.ok > 10)
      runtime.kill('SIGKILL')
      const results = await burst
      expect(results).toHaveLength(300)
      expect(new Set(results.map((result) => result.status))).toEqual(new Set(['ok', 'unanswered']))
    }))
})

describe('stop', () => {
  test('leaves the end of an endless burst to whoever makes its events', () =>
    using({}, async (runtime) => {
      let going = true
      const events = function* () {
        while (going) yield {}
      }
      const burst = runtime.burst(events())
      await until(() => runtime.stats().answers.ok > 10)
      await runtime.stop()
      going = false
      const results = await burst
      expect(results.at(-1)).toMatchObject({ status: 'unanswered' })
    }))

  test('ends the process and its pending requests, and may be called again', () =>
    using({}, async (runtime) => {
      const pending = runtime.invoke({ after: 5000 })
      await until(() => runtime.inFlight === 1)
      await Promise.all([runtime.stop(), runtime.stop()])
      await expect(pending).resolves.toMatchObject({
        status: 'unanswered',
        error: { errorMessage: expect.stringContaining('the runtime was stopped') },
      })
      expect(isAlive(runtime.pid)).toBe(false)
      await expect(runtime.invoke()).rejects.toThrow('the runtime was stopped')
      await runtime.stop()
    }))

  test('kills a process that ignores SIGTERM, with a worker that never yields', () =>
    using(
      { nodeOptions: ['--import', `${projectRoot}/test/local/fixtures/ignores-sigterm.mjs`], stopTimeout: 200 },
      async (runtime) => {
        const pending = runtime.invoke({ end: 'spin' })
        await until(() => runtime.inFlight === 1)
        await runtime.stop()
        expect(isAlive(runtime.pid)).toBe(false)
        await expect(runtime.exited).resolves.toMatchObject({ signal: 'SIGKILL' })
        await expect(pending).resolves.toMatchObject({ status: 'unanswered' })
      },
    ))

  test('ends at once what no worker has taken, while what is in flight may still be answered', () =>
    using(
      { concurrency: 1, nodeOptions: ['--import', `${projectRoot}/test/local/fixtures/ignores-sigterm.mjs`] },
      async (runtime) => {
        const ended: string[] = []
        const answered = runtime.invoke({ after: 300 }).then(({ status }) => ended.push(status))
        const queued = runtime.invoke().then(({ status }) => ended.push(status))
        await until(() => runtime.inFlight === 1)
        await Promise.all([runtime.stop(), answered, queued])
        expect(ended).toEqual(['unanswered', 'ok'])
      },
    ))

  test('ends what the function has started', () =>
    using({ handler: fixture('environment.handler') }, async (runtime) => {
      const result = await runtime.invoke({ child: true })
      const { child } = (result as unknown as { payload: { child: number } }).payload
      expect(isAlive(child)).toBe(true)
      await runtime.stop()
      await until(() => !isAlive(child))
    }))
})

describe.each(nodes)('a caller on %s', (_, nodePath) => {
  const started = `
    import { startRuntime } from 'middy-managed-instances/local'
    const runtime = await startRuntime({ handler: '${fixture('environment.handler')}', workers: 2, privateTmp: true })
    await runtime.invoke({ file: 'note.txt' })
    console.log(JSON.stringify({ pid: runtime.pid, tmp: runtime.tmp }))
  `

  function caller(code: string): ReturnType<typeof spawn> {
    return spawn(nodePath, ['--conditions=middy-managed-instances/source', '--input-type=module', '-e', code], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  test('that is killed leaves neither process nor temporary directory', async () => {
    const child = caller(started)
    const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
    const { pid, tmp } = JSON.parse(line) as { pid: number; tmp: string }
    expect(isAlive(pid) && existsSync(tmp)).toBe(true)
    child.kill('SIGKILL')
    await until(() => !isAlive(pid) && !existsSync(tmp))
  })

  test('that has stopped its runtime ends by itself', async () => {
    const child = caller(`${started}\nawait runtime.stop()`)
    child.stdout?.resume()
    await expect(once(child, 'exit')).resolves.toEqual([0, null])
  })
})
