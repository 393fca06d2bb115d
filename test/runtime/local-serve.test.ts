import { InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type LambdaEndpoint, type LocalRuntime, serveRuntime, startRuntime } from '../../src/local/index.ts'
import { fixture, projectRoot, until } from '../local/fixtures/paths.ts'

const FunctionName = 'orders'

interface Served {
  readonly runtime: LocalRuntime
  readonly endpoint: LambdaEndpoint
  readonly client: LambdaClient
  end(): Promise<void>
}

async function serve(handler: string, concurrency = 8): Promise<Served> {
  const runtime = await startRuntime({
    handler: fixture(handler),
    cwd: projectRoot,
    workers: 2,
    concurrency,
    timeout: 5000,
  })
  const endpoint = await serveRuntime(runtime, { port: 0 })
  const client = new LambdaClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  })
  return {
    runtime,
    endpoint,
    client,
    async end() {
      client.destroy()
      await endpoint.close()
      await runtime.stop()
    },
  }
}

const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes ?? []).toString())

describe('Invoke through the AWS SDK', () => {
  let served: Served
  beforeAll(async () => {
    served = await serve('echo.handler')
  })
  afterAll(() => served.end())

  const invoke = (event: unknown, more: object = {}) =>
    served.client.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), ...more }))

  test('answers RequestResponse with the payload and the request’s id', async () => {
    const output = await invoke({ a: 1 })
    expect(output).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
    expect(output.FunctionError).toBeUndefined()
    expect(json(output.Payload)).toMatchObject({ event: { a: 1 }, requestId: output.$metadata.requestId })
  })

  test('marks a function error and sends it as Lambda does', async () => {
    const output = await invoke({ throw: 'no stock' })
    expect(output).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' })
    expect(json(output.Payload)).toMatchObject({
      errorType: 'TypeError',
      errorMessage: 'no stock',
      trace: expect.any(Array),
    })
  })

  test('marks an answer over 6 MB', async () => {
    const output = await invoke({ bytes: 6_300_000 })
    expect(output.FunctionError).toBe('Unhandled')
    expect(json(output.Payload)).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
  })

  test('accepts an Event and runs it afterwards', async () => {
    const before = served.runtime.stats().answers.ok
    await expect(invoke({ sleep: 50 }, { InvocationType: 'Event' })).resolves.toMatchObject({ StatusCode: 202 })
    await until(() => served.runtime.stats().answers.ok === before + 1)
  })

  test('answers DryRun and runs nothing', async () => {
    const before = served.runtime.stats().requests
    await expect(invoke({}, { InvocationType: 'DryRun' })).resolves.toMatchObject({ StatusCode: 204 })
    expect(served.runtime.stats().requests).toBe(before)
  })

  test('passes the client context and the tenant on', async () => {
    const output = await invoke(
      { context: true },
      { ClientContext: Buffer.from('{"custom":{"a":"b"}}').toString('base64'), TenantId: 'blue' },
    )
    expect(json(output.Payload)).toMatchObject({ clientContext: { custom: { a: 'b' } }, tenantId: 'blue' })
  })

  test('refuses an event over 6 MB, one that is not JSON, and the log type Tail', async () => {
    await expect(invoke('x'.repeat(6_300_000))).rejects.toMatchObject({
      name: 'RequestTooLargeException',
      $metadata: { httpStatusCode: 413 },
    })
    await expect(invoke({}, { Payload: '{' })).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
      $metadata: { httpStatusCode: 400 },
    })
    await expect(invoke({}, { LogType: 'Tail' })).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
  })

  test('throttles over the concurrency', async () => {
    const running = Array.from({ length: 8 }, () => invoke({ sleep: 500 }))
    await until(() => served.runtime.inFlight === 8)
    await expect(invoke({})).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    })
    for (const output of await Promise.all(running)) expect(output.StatusCode).toBe(200)
  })

  test('answers plain HTTP without a body, and names its paths to a stray request', async () => {
    const response = await fetch(`${served.endpoint.url}/2015-03-31/functions/any/invocations`, { method: 'POST' })
    await expect(response.json()).resolves.toMatchObject({ event: {} })
    const stray = await fetch(`${served.endpoint.url}/favicon.ico`)
    expect(stray.status).toBe(404)
    await expect(stray.json()).resolves.toMatchObject({
      message: expect.stringContaining('/2015-03-31/functions/NAME/invocations'),
    })
  })
})

describe('InvokeWithResponseStream through the AWS SDK', () => {
  let served: Served
  beforeAll(async () => {
    served = await serve('stream.handler')
  })
  afterAll(() => served.end())

  async function stream(event: unknown, onChunk: (text: string) => void = () => {}) {
    const command = new InvokeWithResponseStreamCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) })
    const output = await served.client.send(command)
    let body = ''
    for await (const part of output.EventStream ?? []) {
      if (part.PayloadChunk) {
        const text = Buffer.from(part.PayloadChunk.Payload ?? []).toString()
        body += text
        onChunk(text)
      }
      if (part.InvokeComplete) return { output, body, complete: part.InvokeComplete }
    }
    throw new Error('The stream ended without InvokeComplete.')
  }

  test('hands each chunk on as it is written', async () => {
    const times: number[] = []
    const { output, body, complete } = await stream({ chunks: ['one', 'two'], pause: 500 }, () =>
      times.push(performance.now()),
    )
    expect(output).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
    expect(body).toBe('onetwo')
    expect(complete.ErrorCode).toBeUndefined()
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(100)
  })

  test('leaves the HTTP metadata before the body', async () => {
    const { body } = await stream({ chunks: ['a'], metadata: { statusCode: 418 } })
    expect(body).toBe(`{"statusCode":418}${'\0'.repeat(8)}a`)
  })

  test('carries a large body whole', async () => {
    const chunks = Array.from({ length: 40 }, (_, index) => String.fromCharCode(65 + index).repeat(100_000))
    const { body } = await stream({ chunks })
    expect(body).toBe(chunks.join(''))
  })

  test('ends with the function’s error', async () => {
    const { body, complete } = await stream({ chunks: ['half'], throw: 'out of ink' })
    expect(body).toBe('half')
    expect(complete.ErrorCode).toBe('Unhandled')
    expect(JSON.parse(complete.ErrorDetails ?? '')).toMatchObject({
      errorType: 'RangeError',
      errorMessage: 'out of ink',
    })
  })

  test('lets the function see a client that leaves', async () => {
    const abort = new AbortController()
    const command = new InvokeWithResponseStreamCommand({
      FunctionName,
      Payload: Buffer.from(JSON.stringify({ chunks: ['a'], waitForClose: true })),
    })
    const output = await served.client.send(command, { abortSignal: abort.signal })
    for await (const part of output.EventStream ?? []) if (part.PayloadChunk) break
    abort.abort()
    served.client.destroy()
    await until(() =>
      served.runtime.logs(output.$metadata.requestId).some((line) => line.includes('stream broken off')),
    )
    expect(served.runtime.stats().workers.every((worker) => worker.alive)).toBe(true)
  })

  test('Invoke of a streaming handler answers with the whole body', async () => {
    const served = await serve('stream.handler')
    try {
      const output = await served.client.send(new InvokeCommand({ FunctionName, Payload: '{"chunks":["a","b"]}' }))
      expect(Buffer.from(output.Payload ?? []).toString()).toBe('ab')
    } finally {
      await served.end()
    }
  })
})

test('a runtime that has ended is a service error', async () => {
  const served = await serve('echo.handler')
  try {
    await served.runtime.stop()
    await expect(served.client.send(new InvokeCommand({ FunctionName }))).rejects.toMatchObject({
      name: 'ServiceException',
      message: expect.stringContaining('the runtime was stopped'),
    })
  } finally {
    await served.end()
  }
})

test('serveRuntime refuses bad options and a port that is taken', async () => {
  const served = await serve('echo.handler')
  try {
    await expect(serveRuntime(served.runtime, { port: -1 })).rejects.toThrow('option "port" must be a whole number')
    await expect(serveRuntime(served.runtime, { prot: 1 } as object)).rejects.toThrow('unknown option "prot"')
    await expect(serveRuntime(served.runtime, { port: served.endpoint.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  } finally {
    await served.end()
  }
})
