import {
  BatchGetSecretValueCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'

describe('the secrets of the backend, through the AWS SDK', () => {
  let backend: Backend
  let secretsManager: SecretsManagerClient

  beforeEach(async () => {
    backend = await startBackend()
    secretsManager = new SecretsManagerClient({ ...backend.clientOptions, maxAttempts: 1 })
  })

  afterEach(async () => {
    secretsManager.destroy()
    await backend.stop()
  })

  const get = (input: { SecretId: string; VersionId?: string; VersionStage?: string }) =>
    secretsManager.send(new GetSecretValueCommand(input))

  test('gives a secret by its name, its ARN and its ARN without the end', async () => {
    const versionId = backend.secrets.set('orders/db', { string: '{"user":"orders"}' })
    const found = await get({ SecretId: 'orders/db' })
    expect(found).toMatchObject({
      ARN: expect.stringMatching(/^arn:aws:secretsmanager:us-east-1:123456789012:secret:orders\/db-\w{6}$/),
      CreatedDate: expect.any(Date),
      Name: 'orders/db',
      SecretString: '{"user":"orders"}',
      VersionId: versionId,
      VersionStages: ['AWSCURRENT'],
    })
    expect(found.SecretBinary).toBeUndefined()
    expect(await get({ SecretId: String(found.ARN) })).toMatchObject({ VersionId: versionId })
    expect(await get({ SecretId: String(found.ARN?.slice(0, -7)) })).toMatchObject({ VersionId: versionId })
  })

  test('gives binary secrets as bytes', async () => {
    backend.secrets.set('key', { binary: new Uint8Array([0, 255, 10]) })
    const { SecretBinary, SecretString } = await get({ SecretId: 'key' })
    expect([...(SecretBinary ?? [])]).toEqual([0, 255, 10])
    expect(SecretString).toBeUndefined()
  })

  test('moves the stages when it is rotated', async () => {
    const first = backend.secrets.set('orders/db', { string: 'first' })
    const pending = backend.secrets.set('orders/db', { string: 'second', stages: ['AWSPENDING'] })
    expect(await get({ SecretId: 'orders/db' })).toMatchObject({ SecretString: 'first' })
    expect(await get({ SecretId: 'orders/db', VersionStage: 'AWSPENDING' })).toMatchObject({ VersionId: pending })
    const second = backend.secrets.rotate('orders/db', { string: 'second' })
    expect(await get({ SecretId: 'orders/db' })).toMatchObject({ SecretString: 'second', VersionId: second })
    const previous = { VersionId: first, VersionStages: ['AWSPREVIOUS'] }
    expect(await get({ SecretId: 'orders/db', VersionStage: 'AWSPREVIOUS' })).toMatchObject(previous)
    await expect(get({ SecretId: 'orders/db', VersionStage: 'AWSPENDING' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
    backend.secrets.rotate('orders/db', { string: 'third' })
    expect(await get({ SecretId: 'orders/db', VersionStage: 'AWSPREVIOUS' })).toMatchObject({ VersionId: second })
    expect(await get({ SecretId: 'orders/db', VersionId: first })).toMatchObject({ SecretString: 'first' })
  })

  test('refuses to rotate what is not there', () => {
    expect(() => backend.secrets.rotate('none', { string: 'x' })).toThrow('there is no secret "none" yet')
  })

  test('answers the errors of Secrets Manager', async () => {
    const versionId = backend.secrets.set('orders/db', { string: 'first' })
    const missing = { name: 'ResourceNotFoundException', $fault: 'client', $metadata: { httpStatusCode: 400 } }
    await expect(get({ SecretId: 'none' })).rejects.toMatchObject(missing)
    await expect(get({ SecretId: 'orders/db', VersionId: 'none' })).rejects.toMatchObject(missing)
    const mixed = get({ SecretId: 'orders/db', VersionId: versionId, VersionStage: 'AWSPREVIOUS' })
    await expect(mixed).rejects.toMatchObject(missing)
  })

  test('gives several secrets, and an error for each that it has not', async () => {
    backend.secrets.set('a', { string: '1' })
    backend.secrets.set('b', { binary: new Uint8Array([2]) })
    backend.secrets.set('pending', { string: '3', stages: ['AWSPENDING'] })
    const { SecretValues, Errors, NextToken } = await secretsManager.send(
      new BatchGetSecretValueCommand({ SecretIdList: ['b', 'none', 'a', 'pending'] }),
    )
    expect(SecretValues?.map(({ Name }) => Name)).toEqual(['b', 'a'])
    expect([...(SecretValues?.[0]?.SecretBinary ?? [])]).toEqual([2])
    expect(Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode])).toEqual([
      ['none', 'ResourceNotFoundException'],
      ['pending', 'ResourceNotFoundException'],
    ])
    expect(NextToken).toBeUndefined()
  })

  test('refuses more than twenty ids and none', async () => {
    const SecretIdList = Array.from({ length: 21 }, (_, index) => `secret/${index}`)
    const refused = { name: 'ValidationException', $metadata: { httpStatusCode: 400 } }
    const batch = (ids: string[]) => secretsManager.send(new BatchGetSecretValueCommand({ SecretIdList: ids }))
    await expect(batch(SecretIdList)).rejects.toMatchObject(refused)
    await expect(batch([])).rejects.toMatchObject(refused)
    expect((await batch(SecretIdList.slice(1))).Errors).toHaveLength(20)
    const neither = secretsManager.send(new BatchGetSecretValueCommand({}))
    await expect(neither).rejects.toMatchObject({ name: 'InvalidParameterException' })
  })

  test('pages when it is told to', async () => {
    for (const name of ['a', 'b', 'c']) backend.secrets.set(name, { string: name })
    backend.secrets.pageSize = 2
    const SecretIdList = ['c', 'b', 'a']
    const first = await secretsManager.send(new BatchGetSecretValueCommand({ SecretIdList }))
    expect(first.SecretValues?.map(({ Name }) => Name)).toEqual(['c', 'b'])
    const { NextToken } = first
    const second = await secretsManager.send(new BatchGetSecretValueCommand({ SecretIdList, NextToken }))
    expect(second.SecretValues?.map(({ Name }) => Name)).toEqual(['a'])
    expect(second.NextToken).toBeUndefined()
    const madeUp = new BatchGetSecretValueCommand({ SecretIdList, NextToken: 'made up' })
    await expect(secretsManager.send(madeUp)).rejects.toMatchObject({ name: 'InvalidNextTokenException' })
  })

  test('forgets a deleted secret', async () => {
    backend.secrets.set('a', { string: '1' })
    backend.secrets.delete('a')
    await expect(get({ SecretId: 'a' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})
