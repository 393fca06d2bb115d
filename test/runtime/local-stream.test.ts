import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type LocalRuntime, startRuntime } from '../../src/local/index.ts'
import { fixture, nodes, projectRoot, until } from '../local/fixtures/paths.ts'

const metadata = { statusCode: 201, headers: { 'content-type': 'text/csv' }, cookies: ['a=b'] }

describe.each(nodes)('a streaming handler on %s', (_, nodePath) => {
  let runtime: LocalRuntime
  beforeAll(async () => {
    runtime = await startRuntime({ handler: fixture('stream.handler'), cwd: projectRoot, nodePath, workers: 2 })
  })
  afterAll(() => runtime.stop())

  const messages = (requestId: string): unknown[] => runtime.logs(requestId).map((line) => JSON.parse(line).message)

  test('answers with the bytes it wrote and its content type', async () => {
    const result = await runtime.invoke({ chunks: ['one,', 'two'], contentType: 'text/plain' })
    expect(result).toMatchObject({ status: 'ok', streamed: true, contentType: 'text/plain', payload: undefined })
    expect(result.status === 'ok' && result.body.toString()).toBe('one,two')
  })

  test('has its HTTP metadata parsed and taken off the body', async () => {
    const result = await runtime.invoke({ chunks: ['a', 'b'], metadata })
    expect(result).toMatchObject({ status: 'ok', metadata })
    expect(result.status === 'ok' && result.body.toString()).toBe('ab')
  })

  test.each(['before', 'after'])(
    'that throws %s its first byte is a function error with what was written',
    async (when) => {
      const result = await runtime.invoke({ chunks: when === 'after' ? ['half'] : [], throw: 'out of ink' })
      expect(result).toMatchObject({
        status: 'function-error',
        error: {
          errorType: 'RangeError',
          errorMessage: 'out of ink',
          trace: expect.arrayContaining(['RangeError: out of ink']),
        },
      })
      expect(result.status === 'function-error' && result.body.toString()).toBe(when === 'after' ? 'half' : '')
    },
  )

  test('is read while it writes', async () => {
    const {
      body,
      contentType,
      metadata: seen,
      requestId,
      result,
    } = await runtime.invokeStream({
      chunks: ['first', 'second'],
      pause: 500,
      metadata,
    })
    expect(contentType).toBe('application/vnd.awslambda.http-integration-response')
    expect(seen).toEqual(metadata)
    const started = performance.now()
    const chunks: string[] = []
    for await (const chunk of body) chunks.push(String(chunk))
    expect(chunks).toEqual(['first', 'second'])
    expect(performance.now() - started).toBeGreaterThan(100)
    await expect(result).resolves.toMatchObject({ status: 'ok', requestId, streamed: true })
  })

  test('keeps its metadata in the body when asked to', async () => {
    const { body, metadata: seen } = await runtime.invokeStream({ chunks: ['a'], metadata }, { keepMetadata: true })
    expect(seen).toBeUndefined()
    await expect(text(body)).resolves.toBe(`${JSON.stringify(metadata)}${'\0'.repeat(8)}a`)
  })

  test('sees its client leave, and its worker lives', async () => {
    const { body, requestId, result } = await runtime.invokeStream({ chunks: ['a'], waitForClose: true })
    body.once('data', () => body.destroy())
    await expect(result).resolves.toMatchObject({
      status: 'function-error',
      error: { errorType: 'Client.Disconnected' },
    })
    await until(() => messages(requestId).includes('stream broken off'))
    expect(runtime.stats().workers.every((worker) => worker.alive)).toBe(true)
    await expect(runtime.invoke({ chunks: ['next'] })).resolves.toMatchObject({ status: 'ok' })
  })

  test('sees its client leave when the caller’s signal aborts', async () => {
    const controller = new AbortController()
    const { body, requestId, result } = await runtime.invokeStream(
      { chunks: ['a'], waitForClose: true },
      { signal: controller.signal },
    )
    controller.abort(new Error('enough'))
    await expect(result).rejects.toThrow('enough')
    await expect(text(body)).rejects.toThrow('enough')
    await until(() => messages(requestId).includes('stream broken off'))
  })

  test('writes on after its deadline, to nobody', async () => {
    const late = runtime.stats().lateAnswers
    const { body, requestId, result } = await runtime.invokeStream({ chunks: ['a'], work: 1000 }, { timeout: 100 })
    await expect(text(body)).rejects.toThrow('Task timed out after 0.10 seconds')
    await expect(result).resolves.toMatchObject({ status: 'timeout' })
    expect(messages(requestId)).toEqual([])
    await until(() => runtime.stats().lateAnswers === late + 1)
    await until(() => messages(requestId).length > 0)
    expect(messages(requestId)).toEqual(['stream finished'])
  })

  test('streams many answers at a time, one after the other in each worker', async () => {
    const results = await runtime.burst(Array.from({ length: 30 }, (_, index) => ({ chunks: [`${index}`, '!'] })))
    expect(results.map((result) => result.status === 'ok' && result.body.toString())).toEqual(
      results.map((_, index) => `${index}!`),
    )
  })
})

test('a buffered answer can be read as a stream', async () => {
  const runtime = await startRuntime({ handler: fixture('typed.handler'), cwd: projectRoot, workers: 1 })
  try {
    const { body, contentType, result } = await runtime.invokeStream({ name: 'Ada' })
    expect(contentType).toBe('application/json')
    await expect(text(body)).resolves.toBe('{"hello":"Ada"}')
    await expect(result).resolves.toMatchObject({ status: 'ok', payload: { hello: 'Ada' } })
  } finally {
    await runtime.stop()
  }
})

test('a response stream that its own function breaks is a truncated answer', async () => {
  const runtime = await startRuntime({ handler: fixture('survives.handler'), cwd: projectRoot, workers: 1 })
  try {
    await expect(runtime.invoke()).resolves.toMatchObject({
      status: 'function-error',
      error: { errorType: 'Runtime.TruncatedResponse' },
      body: Buffer.from('half'),
    })
  } finally {
    await runtime.stop()
  }
})
