import { AppConfigDataClient, GetLatestConfigurationCommand } from '@aws-sdk/client-appconfigdata'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { GetParameterCommand, GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'

describe('the faults of the backend, through the AWS SDK', () => {
  let backend: Backend
  let ssm: SSMClient
  let secretsManager: SecretsManagerClient
  let appConfigData: AppConfigDataClient

  beforeEach(async () => {
    backend = await startBackend()
    backend.parameters.set('/a', { value: '1' })
    backend.secrets.set('b', { string: '2' })
    const options = { ...backend.clientOptions, maxAttempts: 1 }
    ssm = new SSMClient(options)
    secretsManager = new SecretsManagerClient(options)
    appConfigData = new AppConfigDataClient(options)
  })

  afterEach(async () => {
    for (const client of [ssm, secretsManager, appConfigData]) client.destroy()
    await backend.stop()
  })

  const getParameter = () => ssm.send(new GetParameterCommand({ Name: '/a' }))
  const getParameters = (abortSignal?: AbortSignal) =>
    ssm.send(new GetParametersCommand({ Names: ['/a'] }), abortSignal === undefined ? {} : { abortSignal })
  const getSecret = () => secretsManager.send(new GetSecretValueCommand({ SecretId: 'b' }))
  const getConfiguration = () => appConfigData.send(new GetLatestConfigurationCommand({ ConfigurationToken: 'x' }))

  test('throttles every service until it is told to stop', async () => {
    const stop = backend.fail('throttling')
    const throttled = { name: 'ThrottlingException', message: 'Rate exceeded', $fault: 'client' }
    await expect(getParameter()).rejects.toMatchObject({ ...throttled, $metadata: { httpStatusCode: 400 } })
    await expect(getSecret()).rejects.toMatchObject({ ...throttled, $metadata: { httpStatusCode: 400 } })
    await expect(getConfiguration()).rejects.toMatchObject({ ...throttled, $metadata: { httpStatusCode: 429 } })
    stop()
    expect((await getParameter()).Parameter?.Value).toBe('1')
  })

  test('answers the internal error of each service', async () => {
    backend.fail('internal error')
    const broken = { $fault: 'server', $metadata: { httpStatusCode: 500 } }
    await expect(getParameter()).rejects.toMatchObject({ ...broken, name: 'InternalServerError' })
    await expect(getSecret()).rejects.toMatchObject({ ...broken, name: 'InternalServiceError' })
    await expect(getConfiguration()).rejects.toMatchObject({ ...broken, name: 'InternalServerException' })
    backend.recover()
    expect((await getSecret()).SecretString).toBe('2')
  })

  test('answers any error by its name', async () => {
    backend.fail({ error: 'AccessDeniedException', message: 'You may not.' }, { service: 'ssm' })
    await expect(getParameter()).rejects.toMatchObject({ name: 'AccessDeniedException', message: 'You may not.' })
    backend.fail({ error: 'ServiceUnavailable', status: 503 }, { service: 'secretsmanager' })
    await expect(getSecret()).rejects.toMatchObject({
      name: 'ServiceUnavailable',
      $fault: 'server',
      $metadata: { httpStatusCode: 503 },
    })
  })

  test('hits one service, or one operation', async () => {
    backend.fail('throttling', { service: 'ssm', operation: 'GetParameters' })
    await expect(getParameters()).rejects.toMatchObject({ name: 'ThrottlingException' })
    expect((await getParameter()).Parameter?.Value).toBe('1')
    backend.recover()
    backend.fail('throttling', { service: 'secretsmanager' })
    await expect(getSecret()).rejects.toMatchObject({ name: 'ThrottlingException' })
    expect((await getParameters()).Parameters).toHaveLength(1)
  })

  test('is over after as many calls as it was given', async () => {
    backend.fail('throttling', { times: 2 })
    await expect(getParameter()).rejects.toMatchObject({ name: 'ThrottlingException' })
    await expect(getParameter()).rejects.toMatchObject({ name: 'ThrottlingException' })
    expect((await getParameter()).Parameter?.Value).toBe('1')
  })

  test('is retried by the SDK', async () => {
    const retrying = new SSMClient({ ...backend.clientOptions, maxAttempts: 2 })
    backend.fail('throttling', { times: 1 })
    const { $metadata } = await retrying.send(new GetParameterCommand({ Name: '/a' }))
    expect($metadata.attempts).toBe(2)
    expect([...backend.calls].map(({ status }) => status)).toEqual([400, 200])
    retrying.destroy()
  })

  test('drops connections', async () => {
    const stop = backend.fail('drop')
    await expect(getParameter()).rejects.toThrow('ECONNRESET')
    stop()
    expect((await getParameter()).Parameter?.Value).toBe('1')
    expect([...backend.calls].map(({ status }) => status)).toEqual([undefined, 200])
  })

  test('hangs until the client leaves', async () => {
    backend.fail('hang', { operation: 'GetParameters' })
    const abort = new AbortController()
    const hanging = getParameters(abort.signal)
    const left = expect(hanging).rejects.toMatchObject({ name: 'AbortError' })
    while (backend.calls.inFlight === 0) await new Promise(setImmediate)
    expect((await getParameter()).Parameter?.Value).toBe('1')
    expect([...backend.calls].map(({ operation, status }) => [operation, status])).toEqual([
      ['GetParameters', undefined],
      ['GetParameter', 200],
    ])
    expect(backend.calls.inFlight).toBe(1)
    abort.abort()
    await left
    while (backend.calls.inFlight > 0) await new Promise(setImmediate)
  })

  test('throttles what is above a number of parallel calls', async () => {
    backend.fail('hang', { operation: 'GetParameters' })
    backend.throttleAbove(3)
    const abort = new AbortController()
    const calls = Array.from({ length: 8 }, () => getParameters(abort.signal))
    const refused: unknown[] = []
    for (const call of calls) call.catch((error) => refused.push(error))
    while (refused.length < 5) await new Promise(setImmediate)
    for (const error of refused) expect(error).toMatchObject({ name: 'ThrottlingException' })
    await expect(getParameter()).rejects.toMatchObject({ name: 'ThrottlingException' })
    expect(backend.calls.inFlight).toBe(3)
    abort.abort()
    await Promise.allSettled(calls)
    while (backend.calls.inFlight > 0) await new Promise(setImmediate)
    expect((await getParameter()).Parameter?.Value).toBe('1')
    expect(refused).toHaveLength(8)
  })

  test('throttles nothing after it recovered', async () => {
    backend.throttleAbove(0)
    await expect(getParameter()).rejects.toMatchObject({ name: 'ThrottlingException' })
    backend.recover()
    expect((await getParameter()).Parameter?.Value).toBe('1')
  })
})
