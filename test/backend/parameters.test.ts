import {
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, startBackend } from '../../examples/backend/backend.ts'

describe('the parameters of the backend, through the AWS SDK', () => {
  let backend: Backend
  let ssm: SSMClient

  beforeEach(async () => {
    backend = await startBackend()
    ssm = new SSMClient({ ...backend.clientOptions, maxAttempts: 1 })
  })

  afterEach(async () => {
    ssm.destroy()
    await backend.stop()
  })

  test('gives a parameter by its name and by its ARN', async () => {
    backend.parameters.set('/orders/bucket', { value: 'uploads' })
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/orders/bucket' }))
    expect(Parameter).toEqual({
      ARN: 'arn:aws:ssm:us-east-1:123456789012:parameter/orders/bucket',
      DataType: 'text',
      LastModifiedDate: expect.any(Date),
      Name: '/orders/bucket',
      Type: 'String',
      Value: 'uploads',
      Version: 1,
    })
    expect(Math.abs(Date.now() - Number(Parameter?.LastModifiedDate))).toBeLessThan(60_000)
    const byArn = await ssm.send(new GetParameterCommand({ Name: Parameter?.ARN }))
    expect(byArn.Parameter).toEqual(Parameter)
  })

  test('knows the ARN of a name without a slash', async () => {
    backend.parameters.set('bucket', { value: 'uploads' })
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: 'bucket' }))
    expect(Parameter?.ARN).toBe('arn:aws:ssm:us-east-1:123456789012:parameter/bucket')
    const byArn = await ssm.send(new GetParameterCommand({ Name: Parameter?.ARN }))
    expect(byArn.Parameter?.Value).toBe('uploads')
  })

  test('knows the ARN of a name with one slash before it', async () => {
    backend.parameters.set('/bucket', { value: 'uploads' })
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/bucket' }))
    const byArn = await ssm.send(new GetParameterCommand({ Name: Parameter?.ARN }))
    expect(byArn.Parameter?.Value).toBe('uploads')
  })

  test('gives a secure string only to who asks for its decryption', async () => {
    backend.parameters.set('/key', { value: 'opensesame', type: 'SecureString' })
    const sealed = await ssm.send(new GetParametersCommand({ Names: ['/key'] }))
    expect(sealed.Parameters?.[0]?.Type).toBe('SecureString')
    expect(sealed.Parameters?.[0]?.Value).toMatch(/^AQICAH/)
    expect(sealed.Parameters?.[0]?.Value).not.toContain('opensesame')
    const open = await ssm.send(new GetParametersCommand({ Names: ['/key'], WithDecryption: true }))
    expect(open.Parameters?.[0]?.Value).toBe('opensesame')
  })

  test('keeps every version, and finds one by number or label', async () => {
    backend.parameters.set('/limit', { value: 'one', labels: ['stable'] })
    backend.parameters.set('/limit', { value: 'two', labels: ['stable', 'next'] })
    expect(backend.parameters.set('/limit', { value: 'seven', version: 7 })).toBe(7)
    const get = async (Name: string) => (await ssm.send(new GetParameterCommand({ Name }))).Parameter
    expect(await get('/limit')).toMatchObject({ Value: 'seven', Version: 7 })
    expect(await get('/limit:1')).toMatchObject({ Name: '/limit', Selector: ':1', Value: 'one', Version: 1 })
    expect(await get('/limit:stable')).toMatchObject({ Selector: ':stable', Value: 'two' })
    expect(await get('arn:aws:ssm:us-east-1:123456789012:parameter/limit:2')).toMatchObject({ Value: 'two' })
    await expect(get('/limit:4')).rejects.toMatchObject({ name: 'ParameterVersionNotFound' })
  })

  test('answers the errors of Systems Manager', async () => {
    await expect(ssm.send(new GetParameterCommand({ Name: '/none' }))).rejects.toMatchObject({
      name: 'ParameterNotFound',
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: expect.any(String) },
    })
    await expect(ssm.send(new GetParameterCommand({ Name: 'a b' }))).rejects.toMatchObject({
      name: 'ValidationException',
    })
    await expect(ssm.send(new PutParameterCommand({ Name: '/a', Value: 'b', Type: 'String' }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    })
  })

  test('gives several parameters, and the names that are none', async () => {
    backend.parameters.set('/a', { value: '1,2', type: 'StringList' })
    backend.parameters.set('/b', { value: '' })
    const { Parameters, InvalidParameters } = await ssm.send(
      new GetParametersCommand({ Names: ['/b', '/none', '/a:1', '/a:9'] }),
    )
    expect(Parameters?.map(({ Name, Value, Type, Selector }) => [Name, Value, Type, Selector])).toEqual([
      ['/b', '', 'String', undefined],
      ['/a', '1,2', 'StringList', ':1'],
    ])
    expect(InvalidParameters).toEqual(['/none', '/a:9'])
  })

  test('refuses more than ten names', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `/name/${index}`)
    const tooMany = ssm.send(new GetParametersCommand({ Names: names }))
    await expect(tooMany).rejects.toMatchObject({ name: 'ValidationException', $metadata: { httpStatusCode: 400 } })
    const most = await ssm.send(new GetParametersCommand({ Names: names.slice(1) }))
    expect(most.InvalidParameters).toHaveLength(10)
    await expect(ssm.send(new GetParametersCommand({ Names: [] }))).rejects.toMatchObject({
      name: 'ValidationException',
    })
  })

  test('pages through what is below a path', async () => {
    for (let index = 10; index < 35; index++) backend.parameters.set(`/orders/${index}`, { value: String(index) })
    backend.parameters.set('/orders/deep/er', { value: 'deep' })
    backend.parameters.set('/ordersother', { value: 'no' })
    const pages: string[][] = []
    let NextToken: string | undefined
    do {
      const page = await ssm.send(new GetParametersByPathCommand({ Path: '/orders', NextToken }))
      pages.push(page.Parameters?.map(({ Value }) => Value ?? '') ?? [])
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    expect(pages.map((page) => page.length)).toEqual([10, 10, 5])
    expect(pages.flat()).toEqual(Array.from({ length: 25 }, (_, index) => String(index + 10)))
    const all = new GetParametersByPathCommand({
      Path: '/orders/',
      Recursive: true,
      MaxResults: 1,
      NextToken: undefined,
    })
    expect((await ssm.send(all)).Parameters).toHaveLength(1)
    const deep = await ssm.send(new GetParametersByPathCommand({ Path: '/orders/deep', Recursive: true }))
    expect(deep.Parameters?.map(({ Name }) => Name)).toEqual(['/orders/deep/er'])
    expect(deep.NextToken).toBeUndefined()
    const none = await ssm.send(new GetParametersByPathCommand({ Path: '/nothing' }))
    expect(none.Parameters).toEqual([])
  })

  test('takes a path into its folders only when asked to', async () => {
    backend.parameters.set('/orders/key', { value: 'secret', type: 'SecureString' })
    backend.parameters.set('/orders/deep/er', { value: 'deep' })
    const flat = await ssm.send(new GetParametersByPathCommand({ Path: '/orders', WithDecryption: true }))
    expect(flat.Parameters?.map(({ Value }) => Value)).toEqual(['secret'])
    const recursive = await ssm.send(new GetParametersByPathCommand({ Path: '/orders', Recursive: true }))
    expect(recursive.Parameters?.map(({ Name }) => Name)).toEqual(['/orders/deep/er', '/orders/key'])
    expect(recursive.Parameters?.[1]?.Value).not.toContain('secret')
  })

  test('refuses a token it never gave and more than ten results', async () => {
    const refused = (input: { NextToken?: string; MaxResults?: number }) =>
      ssm.send(new GetParametersByPathCommand({ Path: '/orders', ...input }))
    await expect(refused({ NextToken: 'made up' })).rejects.toMatchObject({ name: 'InvalidNextToken' })
    await expect(refused({ MaxResults: 11 })).rejects.toMatchObject({ name: 'ValidationException' })
  })

  test('forgets a deleted parameter', async () => {
    backend.parameters.set('/a', { value: 'b' })
    backend.parameters.delete('/a')
    await expect(ssm.send(new GetParameterCommand({ Name: '/a' }))).rejects.toMatchObject({ name: 'ParameterNotFound' })
  })
})
