import { expect, test } from '@jest/globals'
import { ssm } from 'middy-managed-instances/parameters'
import { failureOf } from './fixtures/failure.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()

test('a throttled call is made again while there is nothing to serve', async () => {
  services.backend.parameters.set('/again', { value: 'here' })
  services.backend.fail('throttling', { times: 2 })
  expect(await ssm('/again', { client: services.ssm }).get()).toBe('here')
  expect([...services.backend.calls].map(({ status }) => status)).toEqual([400, 400, 200])
})

test('a throttled refresh is left to the back-off: there is a value to serve', async () => {
  services.backend.parameters.set('/refreshed', { value: 'here' })
  const source = ssm('/refreshed', { client: services.ssm })
  await source.get()
  services.backend.fail('throttling')
  expect(await failureOf(() => source.refresh())).toMatchObject({ code: 'PARAMETER_FETCH', data: { attempts: 1 } })
  expect(services.backend.calls.count()).toBe(2)
  expect(await source.get()).toBe('here')
})

test('one that goes on ends within the timeout, with an error that says throttling and what to do', async () => {
  services.backend.fail('throttling')
  const error = await failureOf(() => ssm('/throttled', { client: services.ssm, timeout: 90 }).get())
  expect(error).toMatchObject({ code: 'PARAMETER_FETCH', cause: { name: 'ThrottlingException' } })
  expect(error.message).toContain('Raise the quota, or a longer ttl makes fewer calls.')
  expect(services.backend.calls.count()).toBe(1)
})

test('one whose last try hangs is still told of as throttling', async () => {
  services.backend.fail('throttling', { times: 1 })
  services.backend.fail('hang')
  const error = await failureOf(() => ssm('/hanging', { client: services.ssm, timeout: 400 }).get())
  expect(error).toMatchObject({ code: 'PARAMETER_FETCH', cause: { name: 'ThrottlingException' } })
  expect(services.backend.calls.count()).toBe(2)
})
