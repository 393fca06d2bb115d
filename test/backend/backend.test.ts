import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { GetParameterCommand, GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'

describe('the backend', () => {
  let backend: Backend
  let ssm: SSMClient

  beforeEach(async () => {
    backend = await startBackend()
    backend.parameters.set('/a', { value: '1' })
    ssm = new SSMClient({ ...backend.clientOptions, maxAttempts: 1 })
  })

  afterEach(async () => {
    ssm.destroy()
    await backend.stop()
  })

  const getParameter = (abortSignal?: AbortSignal) =>
    ssm.send(new GetParameterCommand({ Name: '/a' }), abortSignal === undefined ? {} : { abortSignal })

  test('records what it was called with, when and how it answered', async () => {
    const before = Date.now()
    await getParameter()
    await expect(ssm.send(new GetParameterCommand({ Name: '/none' }))).rejects.toThrow()
    await ssm.send(new GetParametersCommand({ Names: ['/a'], WithDecryption: true }))
    expect([...backend.calls]).toEqual([
      { service: 'ssm', operation: 'GetParameter', request: { Name: '/a' }, at: expect.any(Number), status: 200 },
      { service: 'ssm', operation: 'GetParameter', request: { Name: '/none' }, at: expect.any(Number), status: 400 },
      {
        service: 'ssm',
        operation: 'GetParameters',
        request: { Names: ['/a'], WithDecryption: true },
        at: expect.any(Number),
        status: 200,
      },
    ])
    for (const { at } of backend.calls) expect(at).toBeGreaterThanOrEqual(before)
  })

  test('counts calls by service and operation, from the last reset on', async () => {
    await getParameter()
    await getParameter()
    await ssm.send(new GetParametersCommand({ Names: ['/a'] }))
    expect(backend.calls.count()).toBe(3)
    expect(backend.calls.count({ operation: 'GetParameter' })).toBe(2)
    expect(backend.calls.count({ service: 'secretsmanager' })).toBe(0)
    backend.calls.reset()
    expect([...backend.calls]).toEqual([])
    await getParameter()
    expect(backend.calls.count()).toBe(1)
  })

  test('knows the most calls that were in flight at once', async () => {
    const stop = backend.fail('hang')
    const abort = new AbortController()
    const hanging = Array.from({ length: 3 }, () => getParameter(abort.signal))
    const left = Promise.allSettled(hanging)
    while (backend.calls.inFlight < 3) await new Promise(setImmediate)
    stop()
    abort.abort()
    await left
    while (backend.calls.inFlight > 0) await new Promise(setImmediate)
    await getParameter()
    expect(backend.calls.peak).toBe(3)
    backend.calls.reset()
    await getParameter()
    expect(backend.calls.peak).toBe(1)
  })

  test('answers after its latency', async () => {
    backend.latency = 50
    const start = performance.now()
    await getParameter()
    expect(performance.now() - start).toBeGreaterThan(45)
  })

  test('takes another latency while it runs', async () => {
    backend.latency = 3_600_000
    const abort = new AbortController()
    const slow = getParameter(abort.signal)
    const left = expect(slow).rejects.toMatchObject({ name: 'AbortError' })
    while (backend.calls.inFlight === 0) await new Promise(setImmediate)
    backend.latency = 0
    await getParameter()
    expect([...backend.calls].map(({ status }) => status)).toEqual([undefined, 200])
    abort.abort()
    await left
  })

  test('is found by the SDK through environment variables', async () => {
    const environment = { ...process.env }
    backend.secrets.set('b', { string: '2' })
    Object.assign(process.env, backend.env)
    try {
      const found = new SSMClient()
      expect((await found.send(new GetParameterCommand({ Name: '/a' }))).Parameter?.Value).toBe('1')
      found.destroy()
      const secretsManager = new SecretsManagerClient()
      expect((await secretsManager.send(new GetSecretValueCommand({ SecretId: 'b' }))).SecretString).toBe('2')
      secretsManager.destroy()
    } finally {
      for (const name of Object.keys(backend.env)) delete process.env[name]
      Object.assign(process.env, environment)
    }
  })

  test('refuses what is none of its calls', async () => {
    const refused = async (path: string, init: RequestInit) => {
      const response = await fetch(backend.endpoint + path, init)
      return [response.status, ((await response.json()) as { __type: string }).__type]
    }
    expect(await refused('/', { method: 'POST', body: '{}' })).toEqual([400, 'UnknownOperationException'])
    expect(await refused('/other', {})).toEqual([400, 'UnknownOperationException'])
    const headers = { 'x-amz-target': 'AmazonSSM.GetParameter' }
    expect(await refused('/', { method: 'POST', headers, body: '{' })).toEqual([400, 'SerializationException'])
  })

  test('stops while calls are in flight, and twice', async () => {
    backend.fail('hang')
    const hanging = getParameter()
    const dropped = expect(hanging).rejects.toThrow('socket hang up')
    while (backend.calls.inFlight === 0) await new Promise(setImmediate)
    await backend.stop()
    await dropped
    await backend.stop()
  })
})
