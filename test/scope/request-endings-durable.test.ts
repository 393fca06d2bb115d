import { describe, expect, test } from '@jest/globals'
import { contextMiddleware } from '../../src/scope/middleware.ts'
import { DurableExecution, durable } from './support/durable.ts'
import {
  bare,
  contextFor,
  type Fields,
  factories,
  type Handler,
  type Middleware,
  underManaged,
} from './support/handlers.ts'
import { Probe } from './support/probe.ts'

interface Durable {
  wait(options: { seconds: number }): Promise<void>
  step(name: string, run: () => Promise<unknown>): Promise<unknown>
}

// Middy's early timeout outlives a suspended request, and keeps the process alive until it fires.
const lambdaContext = (): Fields => contextFor(1_000)

const waiting = (handler: Handler): Handler =>
  handler.handler(async (_event, context) => {
    const { wait, step } = context as unknown as Durable
    const first = await step.call(context, 'first', async () => 'stepped')
    await wait.call(context, { seconds: 3600 })
    return first
  })

test('releases once when the execution suspends, and once more for the invocation that ends it', async () => {
  const probes: Probe[] = []
  const handler = underManaged(durable).before((request) => {
    const probe = new Probe()
    probes.push(probe)
    probe.middleware.before?.(request)
  })
  const execution = new DurableExecution(waiting(handler))

  expect(await execution.invoke(lambdaContext())).toEqual({ Status: 'PENDING' })
  expect(probes.map(({ endings }) => endings)).toEqual([[{ outcome: 'suspended', handlerSettled: true }]])
  await probes[0]?.scope?.handlerSettled

  execution.endWaits()
  expect(await execution.invoke(lambdaContext())).toEqual({ Status: 'SUCCEEDED', Result: '"stepped"' })
  expect(probes.map(({ endings }) => endings)).toEqual([
    [{ outcome: 'suspended', handlerSettled: true }],
    [{ outcome: 'returned', handlerSettled: true }],
  ])
})

test('releases at the deadline on a plain middy() when the execution suspends', async () => {
  const probe = new Probe()
  const ours = contextMiddleware('probe', 'probe', (scope) => {
    scope.defer('probe', probe.release)
    return probe
  }) as unknown as Middleware
  const execution = new DurableExecution(waiting(bare(durable).use(ours)))

  expect(await execution.invoke(contextFor(400))).toEqual({ Status: 'PENDING' })

  await probe.released
  expect(probe.endings).toHaveLength(1)
})

describe.each(factories)('with %s', (_name, create) => {
  test('has one requestStart for each invocation of an execution and one requestEnd for the one that ends', async () => {
    const hooks: string[] = []
    const log = (name: string) => () => {
      hooks.push(name)
    }
    const handler = create({ ...durable, requestStart: log('start'), requestEnd: log('end') })
    const execution = new DurableExecution(waiting(handler))

    await execution.invoke(lambdaContext())
    execution.endWaits()
    await execution.invoke(lambdaContext())

    expect(hooks).toEqual(['start', 'start', 'end'])
  })

  test('copies what the Lambda context has onto the durable context', async () => {
    const seen: Fields = {}
    const handler = create(durable).handler((event, context) => {
      Object.assign(seen, { event, awsRequestId: context['awsRequestId'], lambdaContext: context['lambdaContext'] })
      return 'answer'
    })
    const context = lambdaContext()

    await new DurableExecution(handler, { from: 'the caller' }).invoke(context)

    expect(seen).toEqual({
      event: { from: 'the caller' },
      awsRequestId: 'request-1',
      lambdaContext: context,
    })
  })

  test('fails the execution with the error of the handler', async () => {
    const handler = create(durable).handler(() => Promise.reject(new RangeError('out of range')))

    const answer = await new DurableExecution(handler).invoke(lambdaContext())

    expect(answer).toMatchObject({ Status: 'FAILED', Error: { ErrorType: 'RangeError', ErrorMessage: 'out of range' } })
  })
})
