import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import type { BatchResponse } from '../../middlewares/batch/index.ts'

jest.setTimeout(120_000)

const batches = 64
const groups = 8

interface Message {
  readonly messageId: string
  readonly body: 'ok' | 'fail' | 'hang' | 'deaf'
  readonly eventSource: 'aws:sqs'
  readonly attributes: { readonly MessageGroupId: string }
}

interface Answer extends BatchResponse {
  readonly processed: string[]
  readonly fresh: boolean
  readonly atInit: string | undefined
}

const message = (id: number, body: Message['body']): Message => ({
  messageId: `m-${id}`,
  body,
  eventSource: 'aws:sqs',
  attributes: { MessageGroupId: `g-${id % groups}` },
})

const draw = (size: number): { Records: Message[] }[] =>
  Array.from({ length: batches }, () => ({
    Records: Array.from({ length: size }, (_, id) => message(id, randomInt(10) === 0 ? 'fail' : 'ok')),
  }))

const idsOf = (records: readonly Message[]): string[] => records.map(({ messageId }) => messageId)
const reported = ({ batchItemFailures }: BatchResponse): string[] =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
const groupOf = (id: string): number => Number(id.slice(2)) % groups

describe.each(['queue', 'fifo'] as const)(
  'on the real runtime, with 4 workers and 64 requests at once, a %s',
  (name) => {
    let runtime: LocalRuntime
    beforeAll(async () => {
      runtime = await startRuntime({
        handler: `test/runtime/fixtures/batch.${name}`,
        workers: 4,
        concurrency: batches,
        nodeOptions: ['--conditions=middy-managed-instances/source'],
      })
    })
    afterAll(() => runtime?.stop())

    const burst = async (events: object[]): Promise<Answer[]> =>
      (await runtime.burst(events)).map((result) => {
        if (result.status !== 'ok') throw new Error(JSON.stringify(result))
        return result.payload as Answer
      })

    test.each([10, 100, 1_000])('of 64 batches of %i reports exactly what failed or was held up', async (size) => {
      const events = draw(size)
      const answers = await burst(events)
      expect(answers.every(({ fresh }) => fresh)).toBe(true)
      for (const [index, { Records }] of events.entries()) {
        const { processed, ...answer } = answers[index] as Answer
        const failing = new Set(idsOf(Records.filter(({ body }) => body === 'fail')))
        const held: string[] = []
        for (const members of Object.values(Object.groupBy(idsOf(Records), groupOf))) {
          const ids = members as string[]
          const first = name === 'fifo' ? ids.findIndex((id) => failing.has(id)) : -1
          const run = first === -1 ? ids : ids.slice(0, first + 1)
          held.push(...(first === -1 ? ids.filter((id) => failing.has(id)) : ids.slice(first)))
          const ran = processed.filter((id) => groupOf(id) === groupOf(ids[0] as string))
          if (name === 'fifo') expect(ran).toEqual(run)
          else expect(ran.toSorted()).toEqual(run.toSorted())
        }
        expect(reported(answer).toSorted()).toEqual(held.toSorted())
      }
      expect(runtime.stats().peakInFlight).toBe(batches)
    })

    test('answers in time where records hang, and reports those and what was not started', async () => {
      const records = [message(0, 'ok'), message(1, 'hang'), message(2, 'deaf'), message(3, 'ok'), message(9, 'ok')]
      const event = { Records: records, concurrency: 3 }
      const result = await runtime.invoke(event, { timeout: 3_000 })
      if (result.status !== 'ok') throw new Error(JSON.stringify(result))
      const answer = result.payload as Answer
      const held = name === 'fifo' ? ['m-1', 'm-2', 'm-9'] : ['m-1', 'm-2']
      expect(reported(answer)).toEqual(held)
      expect(result.durationMs).toBeGreaterThan(1_900)
      expect(result.durationMs).toBeLessThan(2_900)
    })

    // The control: it fails here when Powertools has learned it.
    test('is where a processor of Powertools can not be made at init', async () => {
      const [answer] = await burst([{ Records: [] }])
      expect(answer?.atInit).toContain('No context available')
    })
  },
)
