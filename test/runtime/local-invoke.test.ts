import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { EventInvalidError, type LocalRuntime, startRuntime } from '../../src/local/index.ts'
import { fixture, isAlive, nodes, projectRoot, until } from '../local/fixtures/paths.ts'

const cwd = projectRoot

describe.each(nodes)('on %s', (_, nodePath) => {
  let runtime: LocalRuntime
  beforeAll(async () => {
    runtime = await startRuntime({ handler: fixture('echo.handler'), cwd, nodePath, workers: 4, concurrency: 64 })
  })
  afterAll(() => runtime.stop())

  test('gives the parsed answer, its bytes and the worker that gave it', async () => {
    const result = await runtime.invoke({ ü: '€' })
    expect(result).toMatchObject({ status: 'ok', payload: { event: { ü: '€' } }, streamed: false })
    if (result.status !== 'ok') throw new Error(result.status)
    expect(JSON.parse(result.body.toString())).toEqual(result.payload)
    expect(result.worker).toBeGreaterThanOrEqual(0)
    expect(result.durationMs).toBeGreaterThan(0)
  })

  test('gives a thrown error with its type, message and trace', async () => {
    const result = await runtime.invoke({ throw: 'not today' })
    expect(result).toMatchObject({
      status: 'function-error',
      error: {
        errorType: 'TypeError',
        errorMessage: 'not today',
        trace: expect.arrayContaining(['TypeError: not today']),
      },
    })
  })

  test('answers 200 overlapping invocations, each with its own event, several in one worker', async () => {
    const results = await Promise.all(Array.from({ length: 200 }, (_, index) => runtime.invoke({ index, sleep: 30 })))
    expect(results.map((result) => result.status === 'ok' && (result.payload as { event: unknown }).event)).toEqual(
      results.map((_, index) => ({ index, sleep: 30 })),
    )
    const stats = runtime.stats()
    expect(stats.unanswered).toBe(0)
    expect(stats.peakInFlight).toBe(64)
    expect(stats.peakInFlightPerWorker).toHaveLength(4)
    expect(Math.min(...stats.peakInFlightPerWorker)).toBeGreaterThan(1)
    expect(new Set(results.map((result) => result.worker)).size).toBe(4)
  })

  test('gives the results of a burst in the order of its events and calls back with each', async () => {
    const seen = new Set<number>()
    const results = await runtime.burst(
      Array.from({ length: 500 }, (_, index) => ({ index })),
      { concurrency: 10, onResult: (_, index) => seen.add(index) },
    )
    expect(results.map((result) => result.status === 'ok' && (result.payload as { event: unknown }).event)).toEqual(
      results.map((_, index) => ({ index })),
    )
    expect(seen.size).toBe(500)
  })

  test('carries an event and an answer of nearly 6 MB, and their order', async () => {
    const [large, small] = await Promise.all([
      runtime.invoke({ text: 'ä'.repeat(3_000_000) }),
      runtime.invoke({ bytes: 6_291_000 }),
    ])
    expect(large).toMatchObject({ status: 'ok' })
    expect(small).toMatchObject({ status: 'ok', payload: 'x'.repeat(6_291_000) })
  })

  test('fails an answer over 6 MB and refuses an event over 6 MB', async () => {
    await expect(runtime.invoke({ bytes: 6_291_557 })).resolves.toMatchObject({
      status: 'function-error',
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    })
    await expect(runtime.invoke('x'.repeat(6_291_556))).rejects.toBeInstanceOf(EventInvalidError)
  })

  test('puts the call into the context', async () => {
    const result = await runtime.invoke(
      { context: true },
      {
        tenantId: 'blue',
        traceId: 'Root=1-2-3',
        clientContext: { name: 'Zoë' },
        requestId: 'my-request',
        timeout: 5000,
      },
    )
    expect(result).toMatchObject({
      status: 'ok',
      requestId: 'my-request',
      payload: {
        awsRequestId: 'my-request',
        tenantId: 'blue',
        xRayTraceId: 'Root=1-2-3',
        clientContext: { name: 'Zoë' },
        functionName: 'local',
        memoryLimitInMB: '2048',
      },
    })
    const { remaining } = (result as unknown as { payload: { remaining: number } }).payload
    expect(remaining).toBeGreaterThan(3000)
    expect(remaining).toBeLessThanOrEqual(5000)
  })

  test('keeps the lines of each request apart', async () => {
    const [one, two] = await Promise.all([
      runtime.invoke({ log: 'one', sleep: 20, logLate: 'x'.repeat(20_000) }),
      runtime.invoke({ log: 'two', sleep: 20 }),
    ])
    expect(runtime.logs(one.requestId).map((line) => JSON.parse(line).message)).toEqual(['one', 'x'.repeat(20_000)])
    expect(runtime.logs(two.requestId).map((line) => JSON.parse(line).message)).toEqual(['two'])
  })
})

describe('a deadline', () => {
  let runtime: LocalRuntime
  beforeAll(async () => {
    runtime = await startRuntime({ handler: fixture('echo.handler'), cwd, workers: 2, concurrency: 2, timeout: 100 })
  })
  afterAll(() => runtime.stop())

  test('fails the invocation while its code runs on, and drops the late answer', async () => {
    const result = await runtime.invoke({ sleep: 1500, logLate: 'still here' })
    expect(result).toMatchObject({
      status: 'timeout',
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(/^\S+Z \S+ Task timed out after 0\.10 seconds$/),
      },
    })
    expect(result.durationMs).toBeLessThan(1400)
    expect(runtime.logs(result.requestId)).toEqual([])
    await until(() => runtime.stats().lateAnswers === 1)
    expect(runtime.logs(result.requestId).map((line) => JSON.parse(line).message)).toEqual(['still here'])
    expect(runtime.stats().answers).toEqual({ ok: 0, 'function-error': 0, timeout: 1, unanswered: 0 })
  })

  test('frees its place for another request at that moment', async () => {
    const late = [runtime.invoke({ sleep: 500 }), runtime.invoke({ sleep: 500 })]
    const next = runtime.invoke({ next: true }, { timeout: 5000 })
    await Promise.all(late)
    await expect(next).resolves.toMatchObject({ status: 'ok' })
    expect(runtime.stats().lateAnswers).toBe(1)
  })

  test('is the caller’s, when one is given', async () => {
    await expect(runtime.invoke({ sleep: 150 }, { timeout: 5000 })).resolves.toMatchObject({ status: 'ok' })
  })
})

describe('a runtime', () => {
  let runtime: LocalRuntime
  beforeAll(async () => {
    runtime = await startRuntime({ handler: fixture('echo.handler'), cwd, workers: 1, concurrency: 1 })
  })
  afterAll(() => runtime.stop())

  test('lets invocations wait for a free place', async () => {
    const results = await Promise.all([1, 2, 3].map((index) => runtime.invoke({ index, sleep: 10 })))
    expect(results.map((result) => result.status)).toEqual(['ok', 'ok', 'ok'])
    expect(runtime.stats().peakInFlight).toBe(1)
  })

  test('ends the wait when the caller’s signal aborts, and forgets what no worker has seen', async () => {
    const before = runtime.stats().workers[0]?.requests ?? 0
    const controller = new AbortController()
    const running = runtime.invoke({ sleep: 50 })
    const waiting = runtime.invoke({ index: 2 }, { signal: controller.signal })
    controller.abort(new Error('changed my mind'))
    await expect(waiting).rejects.toThrow('changed my mind')
    await expect(running).resolves.toMatchObject({ status: 'ok' })
    await runtime.invoke()
    expect(runtime.stats().workers[0]?.requests).toBe(before + 2)
  })

  test('refuses a bad event and bad options, and works on', async () => {
    await expect(runtime.invoke(() => {})).rejects.toMatchObject({ code: 'EVENT_INVALID' })
    await expect(runtime.invoke(1n)).rejects.toMatchObject({ code: 'EVENT_INVALID' })
    await expect(runtime.invoke({}, { timeout: 0 })).rejects.toThrow(
      'invoke(): option "timeout" must be a whole number',
    )
    await expect(runtime.invoke({}, { tenantId: 'a\nb' })).rejects.toThrow('option "tenantId" must be a string of')
    await expect(runtime.invoke({}, { later: true } as object)).rejects.toThrow('unknown option "later"')
    await expect(runtime.invokeStream({}, { keepMetadata: 1 } as object)).rejects.toThrow(
      'invokeStream(): option "keepMetadata" must be true or false, received 1.',
    )
    await expect(runtime.burst([{}], { concurrency: 0 })).rejects.toThrow('option "concurrency" must be a whole number')
    await expect(runtime.burst([], { timeout: 0 })).rejects.toThrow('burst(): option "timeout" must be a whole number')
    await expect(runtime.burst([{}], { requestId: 'a' } as object)).rejects.toThrow('unknown option "requestId"')
    await expect(runtime.invoke({})).resolves.toMatchObject({ status: 'ok' })
  })

  test('has a process that runs', () => {
    expect(isAlive(runtime.pid)).toBe(true)
  })
})
