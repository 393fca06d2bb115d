import './support/outside-environment.ts'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { createContext, expectNoLeaks } from 'middy-managed-instances/testing'
import { takeConsole, takeWarnings } from './support/invocation.ts'
import { Logger, Metrics, powertools, Tracer } from './support/packages.ts'

let warnings: () => string[]
beforeEach(() => {
  warnings = takeWarnings()
  takeConsole()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await expectNoLeaks()
})

const namespace = (): unknown => Reflect.get(process, 'namespaces').AWSXRay

describe('outside Lambda', () => {
  test.each([
    ['with tracing', 'true'],
    ['without tracing', 'false'],
  ])("%s, requests are answered, and nothing of the X-Ray SDK's is touched", async (_, enabled) => {
    process.env['POWERTOOLS_TRACE_ENABLED'] = enabled
    const tracer = new Tracer()
    const before = [namespace(), tracer.provider.setSegment]
    const handler = middy<unknown, unknown>(managed())
      .use(powertools({ logger: new Logger(), metrics: new Metrics({ namespace: 'shop' }), tracer }))
      .handler(async () => 'answer')
    const failing = middy<unknown, unknown>(managed())
      .use(powertools({ tracer }))
      .handler(() => Promise.reject(new RangeError('failed')))
    expect(await handler({}, createContext() as never)).toBe('answer')
    await expect(failing({}, createContext() as never)).rejects.toThrow('failed')
    expect([namespace(), tracer.provider.setSegment]).toEqual(before)
    expect(namespace()?.constructor.name).toBe('Namespace')
    expect(warnings()).toEqual([])
  })
})
