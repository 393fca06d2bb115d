import { afterEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import type { SQSEvent } from 'aws-lambda'
import { currentScope, managed, type Outcome } from 'middy-managed-instances'
import { barrier, expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { type BatchResponse, batch } from '../../middlewares/batch/index.ts'
import { eventOf, idOf, message, numbered, reported, sqsEvent } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

const timeout = 600
const ids = numbered(6)
const records = ids.map((id) => [id, id] as const)

describe.each([
  ['middy(managed())', false],
  ['middy()', true],
])('the scope of a record on %s', (_, plain) => {
  afterEach(() => expectNoLeaks())

  test('ends with its record: no two are open where one is processed at a time', async () => {
    const open = new Set<string>()
    const released: [string, Outcome][] = []
    let most = 0
    const handler = handlerOf(
      'sqs',
      async (record, { scope }) => {
        const id = idOf(record)
        open.add(id)
        most = Math.max(most, open.size)
        scope.defer('file', async ({ outcome }) => {
          await new Promise((resolve) => setImmediate(resolve))
          open.delete(id)
          released.push([id, outcome])
        })
        if (id === 'id-2') throw new Error('broken')
      },
      { concurrency: 1, plain },
    )
    expect(reported(await invoke(handler, eventOf('sqs', records)))).toEqual(['id-2'])
    expect(released).toEqual(ids.map((id) => [id, id === 'id-2' ? 'threw' : 'returned']))
    expect(most).toBe(1)
  })

  test('that fails to be released, or never is, reports nothing', async () => {
    jest.spyOn(console, 'error').mockImplementation(() => {})
    const handler = handlerOf(
      'sqs',
      (record, { scope }) => {
        if (idOf(record) === 'id-0')
          scope.defer('failing', () => {
            throw new Error('in a release')
          })
        if (idOf(record) === 'id-1') scope.defer('endless', () => new Promise(() => {}))
      },
      { concurrency: 6, plain },
    )
    expect(reported(await invoke(handler, eventOf('sqs', records), { timeout }))).toEqual([])
  })

  test('of one that is left running is released with the answer', async () => {
    const released: [string, Outcome][] = []
    const handler = handlerOf(
      'sqs',
      (record, { scope }) => {
        scope.defer('lock', ({ outcome }) => released.push([idOf(record), outcome]))
        return idOf(record) === 'id-4' ? new Promise(() => {}) : undefined
      },
      { plain },
    )
    expect(reported(await invoke(handler, eventOf('sqs', records), { timeout }))).toEqual(['id-4'])
    expect(released.at(-1)).toEqual(['id-4', 'timedOut'])
    expect(released).toHaveLength(6)
  })
})

describe('process()', () => {
  afterEach(() => expectNoLeaks())

  test('may run twice at once in a request, each with an answer of its own', async () => {
    const meet = barrier(4)
    const handler = middy<SQSEvent, BatchResponse[]>(managed())
      .use(batch({ type: 'sqs', onRecordError: () => {} }))
      .handler(async (_event, { batch }) => {
        const failing = (failure: string) => async (record: { readonly messageId: string }) => {
          await meet()
          if (record.messageId === failure) throw new Error('broken')
        }
        return Promise.all([batch.process(failing('a')), batch.process(failing('b'))])
      })
    expect((await invoke(handler, sqsEvent(['a', 'b']))).map(reported)).toEqual([['a'], ['b']])
  })

  test('takes the event as the middlewares before the handler have left it', async () => {
    const bodies: string[] = []
    const handler = middy<SQSEvent, BatchResponse>(managed())
      .use(batch({ type: 'sqs' }))
      .before((request) => {
        request.event = { Records: [message('a', 'another body')] }
      })
      .handler(async (_event, { batch }) => batch.process(({ body }) => void bodies.push(body)))
    await invoke(handler, sqsEvent(['a']))
    expect(bodies).toEqual(['another body'])
  })

  test('runs records within the scope of their request', async () => {
    const handler = middy<SQSEvent, BatchResponse>(managed())
      .use(batch({ type: 'sqs', contextKey: 'messages' }))
      .handler(async (_event, { messages }) => {
        const scope = currentScope()
        return messages.process(() => expect(currentScope()).toBe(scope))
      })
    expect(await invoke(handler, sqsEvent(['a', 'b']))).toEqual({ batchItemFailures: [] })
  })
})
