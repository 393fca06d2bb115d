import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { managed, RequestEndedError } from 'middy-managed-instances'
import { createContext, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import {
  type Batch,
  BatchTimeoutError,
  type BatchType,
  batch,
  type RecordSchema,
} from '../../middlewares/batch/index.ts'
import { eventOf, idOf, numbered, reported, sqsEvent } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

const ids = numbered(6)
const records = ids.map((id) => [id, id] as const)
const timeout = 600
const never = (): Promise<never> => new Promise(() => {})

let warned: jest.SpiedFunction<typeof console.warn>
beforeEach(() => {
  warned = jest.spyOn(console, 'warn').mockImplementation(() => {})
})
afterEach(async () => {
  warned.mockRestore()
  await expectNoLeaks()
})

describe('a batch whose time is up', () => {
  test.each<[BatchType, string[]]>([
    ['sqs', ['id-1', 'id-3', 'id-4', 'id-5']],
    ['sqsFifo', ['id-1', 'id-3', 'id-4', 'id-5']],
    ['kinesis', ['id-1']],
    ['dynamodb', ['id-1']],
  ])('of %s reports what hangs and what was not started, and nothing that is done', async (type, expected) => {
    const errors: [string, Error][] = []
    const handler = handlerOf(type, (record) => (['id-1', 'id-3'].includes(idOf(record)) ? never() : undefined), {
      concurrency: 2,
      onRecordError: (error, record) => errors.push([idOf(record), error]),
    })
    expect(reported(await invoke(handler, eventOf(type, records), { timeout }))).toEqual(expected)
    expect(errors).toEqual([
      ['id-1', expect.any(BatchTimeoutError)],
      ['id-3', expect.any(BatchTimeoutError)],
    ])
    expect(warned.mock.calls).toEqual([[expect.stringContaining('2 of 6 records were not started')]])
  })

  test('aborts the signal of its records, and takes what they still make of it', async () => {
    const reasons: unknown[] = []
    const handler = handlerOf(
      'sqs',
      (record, { signal }) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            if (idOf(record) === 'id-0') resolve()
            else reject(signal.reason)
          })
        }),
    )
    const started = performance.now()
    expect(reported(await invoke(handler, eventOf('sqs', records), { timeout }))).toEqual(ids.slice(1))
    expect(reasons).toEqual(ids.map(() => expect.any(BatchTimeoutError)))
    expect(new Set(reasons).size).toBe(1)
    // Half of the time is kept, and as soon as all have stopped there is an answer.
    expect(performance.now() - started).toBeLessThan(timeout * 0.7)
  })

  test('of records that never wait for anything is noticed too', async () => {
    const handler = handlerOf('sqs', () => {
      const end = performance.now() + timeout / 4
      while (performance.now() < end);
    })
    const left = reported(
      await invoke(
        handler,
        eventOf(
          'sqs',
          numbered(10).map((id) => [id, id]),
        ),
        { timeout },
      ),
    )
    expect(left.length).toBeGreaterThan(4)
    expect(left.length).toBeLessThan(10)
    expect(left).toEqual(numbered(10).slice(-left.length))
  })

  test('keeps the reserve for the answer', async () => {
    let left = 0
    const context = createContext({ timeout: 1_000 })
    const handler = handlerOf(
      'sqs',
      (_record, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            left = context.getRemainingTimeInMillis()
            resolve()
          })
        }),
      { reserve: 400 },
    )
    await invoke(handler, eventOf('sqs', records), { context })
    expect(left).toBeGreaterThan(200)
    expect(left).toBeLessThanOrEqual(401)
  })

  test('goes unnoticed by the others of a worker, and by a clean end', async () => {
    const signals: AbortSignal[] = []
    const handler = handlerOf('sqs', (_record, { signal }) => void signals.push(signal))
    await invoke(handler, eventOf('sqs', records), { timeout: 60_000 })
    expect(signals).toHaveLength(6)
    expect(signals.some(({ aborted }) => aborted)).toBe(false)
  })

  test('that was not leaves no timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    await invoke(
      handlerOf('sqs', () => {}),
      eventOf('sqs', records),
      { timeout: 60_000 },
    )
    expect(timers()).toBe(before)
  })

  test('starts no record whose schema has taken too long', async () => {
    let runs = 0
    const meet = Promise.withResolvers<{ value: object }>()
    const schema: RecordSchema<never> = {
      '~standard': { version: 1, vendor: 'test', validate: () => meet.promise as never },
    }
    const handler = handlerOf('sqs', () => runs++, { schema, throwOnFullBatchFailure: false })
    expect(reported(await invoke(handler, eventOf('sqs', records), { timeout }))).toEqual(ids)
    meet.resolve({ value: {} })
    await new Promise((resolve) => setImmediate(resolve))
    expect(runs).toBe(0)
  })

  test('counts nothing behind a failed record of a stream as not started', async () => {
    const handler = handlerOf(
      'kinesis',
      (record) => {
        if (idOf(record) === 'id-0') throw new Error('broken')
        return never()
      },
      { concurrency: 2, throwOnFullBatchFailure: false },
    )
    expect(reported(await invoke(handler, eventOf('kinesis', records), { timeout }))).toEqual(['id-0'])
    expect(warned).not.toHaveBeenCalled()
  })

  test('is that of the request, if that ends first, and lets go of its signal', async () => {
    const reasons: unknown[] = []
    const counts: number[] = []
    const aborted = Promise.withResolvers<void>()
    const handler = middy<SQSEvent>(managed())
      .use(batch({ type: 'sqs', reserve: 0, onRecordError: () => {} }))
      .handler(async (_event, { batch, signal }) => {
        const count = (): number => counts.push(getEventListeners(signal, 'abort').length)
        count()
        await batch.process(() => count())
        count()
        await batch.process(
          (_record, context) =>
            new Promise<void>((resolve) => {
              context.signal.addEventListener('abort', () => {
                reasons.push(context.signal.reason, signal.reason)
                aborted.resolve()
                resolve()
              })
            }),
        )
      })
    const refused = expect(invoke(handler, sqsEvent(['a']), { timeout: 100 })).rejects.toThrow('aborted')
    await aborted.promise
    await refused
    expect(reasons).toHaveLength(2)
    expect(reasons[0]).toBe(reasons[1])
    expect(counts).toEqual([0, 1, 0])
  })

  test('throws like any other if nothing has succeeded', async () => {
    const handler = handlerOf('sqs', never)
    await expect(invoke(handler, eventOf('sqs', records), { timeout })).rejects.toThrow('All records failed')
  })
})

describe('a record that goes on after the answer', () => {
  test('changes nothing of it, takes no more records, and gets nothing of the request', async () => {
    const late = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<unknown>()
    const started: string[] = []
    const errors: string[] = []
    const handler = handlerOf(
      'sqs',
      async (record, { scope }) => {
        started.push(idOf(record))
        if (idOf(record) !== 'id-2') return
        await late.promise
        try {
          scope.defer('late', () => {})
        } catch (error) {
          ended.resolve(error)
        }
        throw new Error('late')
      },
      { concurrency: 1, onRecordError: (error) => errors.push(error.name) },
    )
    const response = await invoke(handler, eventOf('sqs', records), { timeout })
    const before = structuredClone(response)
    late.resolve()
    expect(await ended.promise).toBeInstanceOf(RequestEndedError)
    await new Promise((resolve) => setImmediate(resolve))
    expect(response).toEqual(before)
    expect(reported(response)).toEqual(['id-2', 'id-3', 'id-4', 'id-5'])
    expect(started).toEqual(['id-0', 'id-1', 'id-2'])
    expect(errors).toEqual(['BatchTimeoutError'])
  })
})

describe('a record that asks for its scope after the answer', () => {
  test('finds that it has ended', async () => {
    const late = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<unknown>()
    const handler = handlerOf(
      'sqs',
      async (_record, context) => {
        await late.promise
        try {
          context.scope.defer('late', () => {})
        } catch (error) {
          ended.resolve(error)
        }
      },
      { throwOnFullBatchFailure: false },
    )
    expect(reported(await invoke(handler, sqsEvent(['a']), { timeout }))).toEqual(['a'])
    late.resolve()
    expect(await ended.promise).toMatchObject({ code: 'REQUEST_ENDED', data: { outcome: 'timedOut' } })
  })
})

describe('process()', () => {
  test('of a request that has ended is refused', async () => {
    let held: Batch<unknown> | undefined
    const handler = middy<SQSEvent>(managed())
      .use(batch({ type: 'sqs' }))
      .handler(async (_event, { batch }) => {
        held = batch as Batch<unknown>
      })
    await invoke(handler, sqsEvent(['a']))
    await expect(held?.process(() => {})).rejects.toThrow(RequestEndedError)
  })
})
