import { beforeEach, expect, test } from '@jest/globals'
import { ParameterTransformError, ssmPath } from 'middy-managed-instances/parameters'
import { failureOf } from '../fixtures/failure.ts'
import { ownServices } from '../fixtures/services.ts'

const services = ownServices()

beforeEach(() => {
  const { parameters } = services.backend
  for (const name of parameters.names) parameters.delete(name)
})

const fill = (values: Record<string, string>): void => {
  for (const [name, value] of Object.entries(values)) services.backend.parameters.set(name, { value })
}

test('all below a path come by their names relative to it', async () => {
  fill({ '/orders/bucket': 'uploads', '/orders/limits/rows': '10', '/ordersother': 'no', '/other': 'no' })
  const all = { bucket: 'uploads', 'limits/rows': '10' }
  await expect(ssmPath('/orders', { client: services.ssm }).get()).resolves.toEqual(all)
  await expect(ssmPath('/orders/', { client: services.ssm }).get()).resolves.toEqual(all)
})

test('the root is a path', async () => {
  fill({ '/a': '1', '/b/c': '2' })
  await expect(ssmPath('/', { client: services.ssm }).get()).resolves.toEqual({ a: '1', 'b/c': '2' })
})

test('one level leaves the branches out', async () => {
  fill({ '/orders/bucket': 'uploads', '/orders/limits/rows': '10' })
  const level = ssmPath('/orders', { client: services.ssm, recursive: false })
  await expect(level.get()).resolves.toEqual({ bucket: 'uploads' })
})

test('every page is read', async () => {
  const names = Array.from({ length: 35 }, (_, index) => `p${index}`)
  fill(Object.fromEntries(names.map((name) => [`/many/${name}`, name])))
  const many = await ssmPath('/many', { client: services.ssm }).get()
  expect(many).toEqual(Object.fromEntries(names.map((name) => [name, name])))
  expect(services.backend.calls.count({ operation: 'GetParametersByPath' })).toBe(4)
})

test('SecureStrings are decrypted unless they are asked for as they are stored', async () => {
  services.backend.parameters.set('/safe/password', { value: 'hunter2', type: 'SecureString' })
  expect(await ssmPath('/safe', { client: services.ssm }).get()).toEqual({ password: 'hunter2' })
  const stored = await ssmPath('/safe', { client: services.ssm, decrypt: false }).get()
  expect(stored['password']).toMatch(/^AQICAH/)
})

test('a path without parameters is empty', async () => {
  await expect(ssmPath('/nothing', { client: services.ssm }).get()).resolves.toEqual({})
})

test('a transform is for each, and its error names which', async () => {
  fill({ '/flags/a': '{"on":true}', '/flags/b': '[1]' })
  const flags = ssmPath('/flags', { client: services.ssm, transform: 'json' })
  await expect(flags.get()).resolves.toEqual({ a: { on: true }, b: [1] })
  fill({ '/flags/b': '{broken' })
  const broken = ssmPath('/flags/', { client: services.ssm, transform: 'json' })
  const error = await failureOf(() => broken.get())
  expect(error).toBeInstanceOf(ParameterTransformError)
  expect(error.message).toMatch(/^ssmPath\("\/flags\/"\).* "b": it is not JSON/)
})

test('a parameter called __proto__ is one like any other', async () => {
  fill({ '/odd/__proto__': 'x', '/odd/constructor': 'y' })
  const odd = await ssmPath('/odd', { client: services.ssm }).get()
  expect(Object.entries(odd).sort()).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
})
