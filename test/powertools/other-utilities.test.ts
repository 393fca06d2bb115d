import './support/managed-environment.ts'
import { kafkaConsumer } from '@aws-lambda-powertools/kafka'
import type { MSKEvent } from '@aws-lambda-powertools/kafka/types'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { Ajv } from 'ajv'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { barrier, createContext, expectNoLeaks } from 'middy-managed-instances/testing'
import { z } from 'zod'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole } from './support/invocation.ts'
import { Metrics, powertools, Tracer } from './support/packages.ts'

const { Router } = await import('@aws-lambda-powertools/event-handler/http')
const { metrics: measured } = await import('@aws-lambda-powertools/event-handler/http/middleware/metrics')
const { tracer: traced } = await import('@aws-lambda-powertools/event-handler/http/middleware/tracer')
const { search } = await import('@aws-lambda-powertools/jmespath')
const { PowertoolsFunctions } = await import('@aws-lambda-powertools/jmespath/functions')
const { parser } = await import('@aws-lambda-powertools/parser/middleware')
const { validate } = await import('@aws-lambda-powertools/validation')

const count = 16
const orders = Array.from({ length: count }, (_, order) => order)

let daemon: Daemon
let output: ReturnType<typeof takeConsole>
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())
beforeEach(() => {
  output = takeConsole()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await expectNoLeaks()
})

type Call = (event: never, context: never) => unknown

/** Sends the events at once, each as a request with a trace of its own. */
const send = async (handler: unknown, events: readonly unknown[]) => {
  const traces = events.map(() => newTrace())
  const answers = await Promise.all(
    events.map((event, index) =>
      invokeTraced(traces[index]?.header, () => (handler as Call)(event as never, createContext() as never)),
    ),
  )
  return { answers, traces }
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')

describe('in requests that overlap', () => {
  test('the parser gives each its own event, as its schema makes it', async () => {
    const meet = barrier(count)
    const schema = z.object({ order: z.coerce.number(), tags: z.array(z.string()).default([]) })
    const handler = middy<z.infer<typeof schema>, unknown>(managed())
      .use(parser({ schema }))
      .handler(async (event) => {
        event.tags.push(`${event.order}`)
        await meet()
        return event
      })
    const { answers } = await send(
      handler,
      orders.map((order) => ({ order: `${order}` })),
    )
    expect(answers).toEqual(orders.map((order) => ({ order, tags: [`${order}`] })))
  })

  test('validation keeps nothing, but an Ajv it is given keeps the schemas of the first request', async () => {
    const schema = { $ref: 'order#' }
    const externalRefs = [{ $id: 'order', type: 'object', required: ['order'] }]
    const check = async (ajv: Ajv | undefined) =>
      Promise.allSettled(
        orders.map(async (order) => validate({ payload: { order }, schema, externalRefs, ...(ajv && { ajv }) })),
      )
    const own = await check(undefined)
    expect(own).toEqual(orders.map((order) => ({ status: 'fulfilled', value: { order } })))
    const shared = await check(new Ajv())
    expect(shared.map(({ status }) => status)).toEqual(['fulfilled', ...Array(count - 1).fill('rejected')])
    const prepared = new Ajv({ schemas: externalRefs })
    expect(orders.map((order) => validate({ payload: { order }, schema, ajv: prepared }))).toEqual(
      orders.map((order) => ({ order })),
    )
  })

  test('JMESPath finds in each what is its own', async () => {
    const meet = barrier(count)
    const options = { customFunctions: new PowertoolsFunctions() }
    const handler = middy<{ body: string }, unknown>(managed()).handler(async (event) => {
      const before = search('powertools_json(body).order', event, options)
      await meet()
      return [before, search('powertools_json(body).order', event, options)]
    })
    const { answers } = await send(
      handler,
      orders.map((order) => ({ body: JSON.stringify({ order }) })),
    )
    expect(answers).toEqual(orders.map((order) => [order, order]))
  })

  test('a Kafka consumer gives each its own records', async () => {
    const meet = barrier(count)
    const value = { type: 'json', parserSchema: z.object({ order: z.number() }) } as const
    const consume = kafkaConsumer<unknown, { order: number }>(
      async ({ records }) => {
        await meet()
        return records.map(({ value }) => value.order)
      },
      { value },
    )
    const handler = middy<MSKEvent, unknown>(managed()).handler(consume)
    const { answers } = await send(
      handler,
      orders.map((order) => ({ records: { topic: [{ value: base64({ order }), headers: [] }] } })),
    )
    expect(answers).toEqual(orders.map((order) => [order]))
  })
})

describe('an event handler', () => {
  const tracer = new Tracer({ captureHTTPsRequests: false })
  const metrics = new Metrics({ namespace: 'shop' })

  const request = (order: number): Partial<APIGatewayProxyEventV2> => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: `/orders/${order}`,
    rawQueryString: '',
    headers: { host: 'example.com' },
    requestContext: { http: { method: 'GET', path: `/orders/${order}` } } as never,
    isBase64Encoded: false,
  })

  test('keeps what belongs to a request for it, in traces and metrics too, and what its router shares for all', async () => {
    tracer.provider.setDaemonAddress(daemon.address)
    const meet = barrier(count)
    const app = new Router()
    app.use(traced(tracer))
    app.use(measured(metrics))
    app.get('/orders/:id', async ({ params, set, get, shared }) => {
      set('order', params['id'])
      shared.set('last', params['id'])
      tracer.putAnnotation('order', params['id'] ?? '')
      metrics.addDimension('order', params['id'] ?? '')
      await meet()
      tracer.putMetadata('order', get('order'))
      return { order: get('order') as string, last: shared.get('last') as string }
    })
    const handler = middy<unknown, unknown>(managed())
      .use(powertools({ tracer, metrics }))
      .handler((event, context) => app.resolve(event, context))

    const { answers, traces } = await send(handler, orders.map(request))

    const last = JSON.parse((answers[0] as { body: string }).body).last
    expect(answers.map((answer) => JSON.parse((answer as { body: string }).body))).toEqual(
      orders.map((order) => ({ order: `${order}`, last })),
    )
    const documents = await daemon.receive(count * 2)
    for (const order of orders) {
      const { root, parent } = traces[order] as ReturnType<typeof newTrace>
      const route = documents.find(({ name }) => name === `GET /orders/${order}`)
      const top = documents.find(({ id }) => id === route?.parent_id)
      expect([route?.trace_id, top?.trace_id, top?.parent_id]).toEqual([root, root, parent])
      expect(route?.annotations?.['order']).toBe(`${order}`)
      expect(route?.metadata?.['service_undefined']).toMatchObject({ order: `${order}` })
    }
    const blobs = output.blobs()
    expect(blobs.map(({ order }) => Number(order)).toSorted((a, b) => a - b)).toEqual(orders)
    expect(blobs).toMatchObject(Array(count).fill({ fault: 0, statusCode: '200' }))
  })
})
