import { SSMClient } from '@aws-sdk/client-ssm'
import { expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import {
  appConfig,
  loader,
  type ParameterSources,
  type ParametersOptions,
  parameters,
  secret,
  ssm,
  ssmPath,
} from 'middy-managed-instances/parameters'
import { invoke } from 'middy-managed-instances/testing'
import { startBackend } from '../../examples/backend/backend.ts'
import { ownClock } from './fixtures/clock.ts'
import { failureOf } from './fixtures/failure.ts'
import { ownServices } from './fixtures/services.ts'

const services = ownServices()
const clock = ownClock()

const valuesOf = (values: ParameterSources, options: Omit<ParametersOptions, 'values'>) => {
  const handler = middy<unknown, Record<string, unknown>>(managed())
    .use(parameters({ ...options, values } as { values: ParameterSources }))
    .handler(async (_event, { parameters }) => parameters)
  return () => invoke(handler, {})
}

test('clients go to the sources of their services', async () => {
  services.backend.parameters.set('/a', { value: 'parameter' })
  services.backend.secrets.set('a', { string: 'secret' })
  const address = { application: 'a', environment: 'b', profile: 'c' }
  services.backend.configurations.set(address, { content: 'configuration', contentType: 'text/plain' })
  const client = [services.appConfig, services.secrets, services.ssm]
  const sources = { a: ssm('/a'), b: secret('a'), c: appConfig(address), d: ssmPath('/'), e: loader('e', () => 'e') }
  expect(await valuesOf(sources, { client })()).toEqual({
    a: 'parameter',
    b: 'secret',
    c: 'configuration',
    d: { a: 'parameter' },
    e: 'e',
  })
})

test('a client of its own wins', async () => {
  const another = await startBackend()
  services.backend.parameters.set('/region', { value: 'one' })
  another.parameters.set('/region', { value: 'another' })
  const own = new SSMClient(another.clientOptions)
  const sources = { one: ssm('/region'), another: ssm('/region', { client: own }) }
  const values = valuesOf(sources, { client: services.ssm })
  expect(await values()).toEqual({ one: 'one', another: 'another' })
  own.destroy()
  await another.stop()
})

test('a ttl goes to those without one', async () => {
  services.backend.parameters.set('/short', { value: '1' })
  services.backend.parameters.set('/long', { value: '1' })
  const sources = { short: ssm('/short'), long: ssm('/long', { ttl: 60_000 }) }
  const values = valuesOf(sources, { client: services.ssm, ttl: 1_000, staleWhileRevalidate: 0 })
  await values()
  services.backend.parameters.set('/short', { value: '2' })
  services.backend.parameters.set('/long', { value: '2' })
  clock.pass(1_000)
  expect(await values()).toEqual({ short: '2', long: '1' })
})

test('an option of its own that is undefined is not one', async () => {
  services.backend.parameters.set('/undefined', { value: '1' })
  const sources = { value: ssm('/undefined', { ttl: undefined } as object) }
  const values = valuesOf(sources, { client: services.ssm, ttl: 1_000, staleWhileRevalidate: 0 })
  await values()
  services.backend.parameters.set('/undefined', { value: '2' })
  clock.pass(1_000)
  expect(await values()).toEqual({ value: '2' })
})

test('a transform goes to those without one, and to no loader', async () => {
  services.backend.parameters.set('/json', { value: '{"a":1}' })
  services.backend.parameters.set('/number', { value: '5' })
  const sources = {
    json: ssm('/json'),
    number: ssm('/number', { transform: (text) => `${text}!` }),
    loaded: loader('loaded', () => '{"a":1}'),
    path: ssmPath('/', { recursive: false, transform: (text) => text.length }),
  }
  const values = valuesOf(sources, { client: services.ssm, transform: 'json' })
  expect(await values()).toMatchObject({ json: { a: 1 }, number: '5!', loaded: '{"a":1}', path: { number: 1 } })
})

test('a negativeTtl goes to those without one', async () => {
  const values = valuesOf({ none: ssm('/none') }, { client: services.ssm, negativeTtl: 0 })
  for (const calls of [1, 2]) {
    expect(await failureOf(values)).toMatchObject({ code: 'PARAMETER_MISSING' })
    expect(services.backend.calls.count()).toBe(calls)
  }
})

test('a timeout goes to those without one', async () => {
  services.backend.fail('hang')
  const values = valuesOf({ hangs: ssm('/hangs') }, { client: services.ssm, timeout: 50 })
  expect(await failureOf(values)).toMatchObject({ code: 'PARAMETER_FETCH', cause: { name: 'TimeoutError' } })
})

test('a staleIfError for all goes with a ttl of its own', async () => {
  services.backend.parameters.set('/stale', { value: '1' })
  const sources = { value: ssm('/stale', { ttl: 1_000, staleWhileRevalidate: 0 }) }
  const values = valuesOf(sources, { client: services.ssm, ttl: 5_000, staleIfError: 0 })
  await values()
  services.backend.fail('internal error')
  clock.pass(1_000)
  expect(await failureOf(values)).toMatchObject({ code: 'PARAMETER_FETCH' })
})
