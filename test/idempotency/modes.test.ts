import { beforeAll, describe, expect, test } from '@jest/globals'
import { idempotency } from 'middy-managed-instances/idempotency'
import { DurableExecution, durable } from '../scope/support/durable.ts'
import { contextFor, type Fields, type Handler, type Middleware, underManaged } from '../scope/support/handlers.ts'
import { installAwsLambda, invokeStreaming, streaming } from '../scope/support/streaming.ts'
import { MemoryCache } from './support/cache.ts'
import { failureOf } from './support/requests.ts'
import { cacheStore } from './support/stores.ts'

beforeAll(installAwsLambda)

interface Durable {
  wait(options: { seconds: number }): Promise<void>
}

const event = { order: 1 }
const lambdaContext = (): Fields => contextFor(1_000)

const ours = (cache: MemoryCache): Middleware =>
  idempotency({ persistenceStore: cacheStore(cache), zombieGrace: 60_000 }) as unknown as Middleware

const statuses = (cache: MemoryCache): string[] =>
  [...cache.entries.values()].map(({ value }) => JSON.parse(value).status)

describe('a durable execution', () => {
  const waiting = (handler: Handler, end: () => unknown): Handler =>
    handler.handler(async (_event, context) => {
      await (context as unknown as Durable).wait({ seconds: 3600 })
      return end()
    })

  test('that goes on takes its own record up again, and its result is for the duplicates', async () => {
    const cache = new MemoryCache()
    let ends = 0
    const handler = waiting(underManaged(durable).use(ours(cache)), () => `end ${++ends}`)
    const execution = new DurableExecution(handler, event)
    expect(await execution.invoke(lambdaContext())).toEqual({ Status: 'PENDING' })
    expect(statuses(cache)).toEqual(['INPROGRESS'])
    const duplicate = new DurableExecution(handler, event)
    expect(await duplicate.invoke(lambdaContext())).toMatchObject({
      Status: 'FAILED',
      Error: { ErrorType: 'IdempotencyAlreadyInProgressError' },
    })
    execution.endWaits()
    expect(await execution.invoke(lambdaContext())).toEqual({ Status: 'SUCCEEDED', Result: '"end 1"' })
    expect(await new DurableExecution(handler, event).invoke(lambdaContext())).toEqual({
      Status: 'SUCCEEDED',
      Result: '"end 1"',
    })
    expect(statuses(cache)).toEqual(['COMPLETED'])
  })

  test('that fails when it goes on gives its lock up', async () => {
    const cache = new MemoryCache()
    const handler = waiting(underManaged(durable).use(ours(cache)), () => {
      throw new RangeError('thrown')
    })
    const execution = new DurableExecution(handler, event)
    await execution.invoke(lambdaContext())
    execution.endWaits()
    expect(await execution.invoke(lambdaContext())).toMatchObject({
      Status: 'FAILED',
      Error: { ErrorType: 'RangeError' },
    })
    expect(statuses(cache)).toEqual([])
  })
})

describe('a streamed answer', () => {
  test('that is text is stored, and streamed again', async () => {
    let executions = 0
    const handler = underManaged(streaming)
      .use(ours(new MemoryCache()))
      .handler(async () => `execution ${++executions}`)
    expect(await invokeStreaming(handler, event, lambdaContext())).toBe('execution 1')
    expect(await invokeStreaming(handler, event, lambdaContext())).toBe('execution 1')
  })

  test('that is a stream is an error, and nothing of it is stored', async () => {
    const cache = new MemoryCache()
    const handler = underManaged(streaming)
      .use(ours(cache))
      .handler(async () => new ReadableStream())
    const failure = await failureOf(invokeStreaming(handler, event, lambdaContext()))
    expect(failure.message).toContain('a stream is read once')
    expect(statuses(cache)).toEqual(['INPROGRESS'])
  })
})
