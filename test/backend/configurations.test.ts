import {
  AppConfigDataClient,
  GetLatestConfigurationCommand,
  StartConfigurationSessionCommand,
} from '@aws-sdk/client-appconfigdata'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'

const address = { application: 'orders', environment: 'live', profile: 'flags' }

describe('the configurations of the backend, through the AWS SDK', () => {
  let backend: Backend
  let appConfigData: AppConfigDataClient
  let time: number

  beforeEach(async () => {
    time = 0
    backend = await startBackend({ now: () => time })
    appConfigData = new AppConfigDataClient({ ...backend.clientOptions, maxAttempts: 1 })
  })

  afterEach(async () => {
    appConfigData.destroy()
    await backend.stop()
  })

  const start = async (interval?: number): Promise<string | undefined> => {
    const session = await appConfigData.send(
      new StartConfigurationSessionCommand({
        ApplicationIdentifier: 'orders',
        EnvironmentIdentifier: 'live',
        ConfigurationProfileIdentifier: 'flags',
        RequiredMinimumPollIntervalInSeconds: interval,
      }),
    )
    return session.InitialConfigurationToken
  }

  const poll = async (ConfigurationToken: string | undefined) => {
    const answer = await appConfigData.send(new GetLatestConfigurationCommand({ ConfigurationToken }))
    return {
      ...answer,
      content: answer.Configuration?.transformToString() ?? '',
      token: answer.NextPollConfigurationToken,
    }
  }

  test('gives what is deployed once, and nothing until it changes', async () => {
    backend.configurations.set(address, { content: '{"on":true}', versionLabel: 'one' })
    const first = await poll(await start())
    expect(first).toMatchObject({ content: '{"on":true}', ContentType: 'application/json', VersionLabel: 'one' })
    expect(first.NextPollIntervalInSeconds).toBe(60)
    const second = await poll(first.token)
    expect(second.content).toBe('')
    expect(second.VersionLabel).toBeUndefined()
    backend.configurations.set(address, { content: 'on: false', contentType: 'application/x-yaml' })
    const third = await poll(second.token)
    expect(third).toMatchObject({ content: 'on: false', ContentType: 'application/x-yaml' })
    expect((await poll(third.token)).content).toBe('')
    expect((await poll(await start())).content).toBe('on: false')
  })

  test('gives bytes as they are', async () => {
    backend.configurations.set(address, { content: new Uint8Array([0, 255, 10]), contentType: 'image/png' })
    const { Configuration } = await poll(await start())
    expect([...(Configuration ?? [])]).toEqual([0, 255, 10])
  })

  test('takes each token once', async () => {
    backend.configurations.set(address, { content: '1' })
    const initial = await start()
    const { token } = await poll(initial)
    const refused = { name: 'BadRequestException', $fault: 'client', $metadata: { httpStatusCode: 400 } }
    await expect(poll(initial)).rejects.toMatchObject(refused)
    await expect(poll('made up')).rejects.toMatchObject({
      ...refused,
      Reason: 'InvalidParameters',
      Details: { InvalidParameters: { ConfigurationToken: { Problem: 'Corrupted' } } },
    })
    const twice = await Promise.allSettled([poll(token), poll(token)])
    expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('refuses a poll before the interval the session asked for', async () => {
    backend.configurations.set(address, { content: '1' })
    const { token, NextPollIntervalInSeconds } = await poll(await start(20))
    expect(NextPollIntervalInSeconds).toBe(20)
    time = 19_999
    await expect(poll(token)).rejects.toMatchObject({
      name: 'BadRequestException',
      Details: { InvalidParameters: { ConfigurationToken: { Problem: 'PollIntervalNotSatisfied' } } },
    })
    time = 20_000
    expect((await poll(token)).content).toBe('')
  })

  test('refuses a poll before the interval the configuration has', async () => {
    backend.configurations.set(address, { content: '1', pollInterval: 2 })
    const { token, NextPollIntervalInSeconds } = await poll(await start())
    expect(NextPollIntervalInSeconds).toBe(2)
    time = 1_999
    await expect(poll(token)).rejects.toMatchObject({ name: 'BadRequestException' })
    time = 2_000
    expect((await poll(token)).content).toBe('')
  })

  test('answers the errors of AppConfigData', async () => {
    await expect(start()).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      ResourceType: 'Deployment',
      $metadata: { httpStatusCode: 404, requestId: expect.any(String) },
    })
    await expect(start(14)).rejects.toMatchObject({ name: 'BadRequestException' })
    backend.configurations.set(address, { content: '1' })
    const token = await start()
    backend.configurations.delete(address)
    await expect(poll(token)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})
