import './support/managed-environment.ts'
import { randomInt } from 'node:crypto'
import { afterAll, describe, expect, test } from '@jest/globals'
import { barrier, expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import type { BatchResponse } from '../../middlewares/batch/index.ts'
import { fifoEvent, idOf, reported, sqsEvent } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

const batches = 64
const groups = 8

interface Drawn {
  readonly ids: string[]
  readonly failing: Set<string>
}

/** Batches of different ids; about one record in ten fails, never the last of a batch. */
const draw = (size: number): Drawn[] =>
  Array.from({ length: batches }, (_, number) => {
    const ids = Array.from({ length: size }, (_, index) => `${number}-${index}`)
    return { ids, failing: new Set(ids.slice(0, -1).filter(() => randomInt(10) === 0)) }
  })

const answersOf = (results: readonly PromiseSettledResult<BatchResponse>[]): BatchResponse[] =>
  results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })

const groupOf = (id: string): string => `group-${Number(id.split('-')[1]) % groups}`

describe('64 batches at once, as on Managed Instances', () => {
  afterAll(() => expectNoLeaks())

  test.each([10, 100, 1_000])(
    'of %i records each report exactly what failed, in an answer of their own',
    async (size) => {
      const drawn = draw(size)
      const meet = barrier(batches)
      const handler = handlerOf('sqs', async (record) => {
        const id = idOf(record)
        if (id.endsWith('-0')) await meet()
        const { failing } = drawn[Number(id.split('-')[0])] as Drawn
        if (failing.has(id)) throw new Error(id)
      })
      const events = drawn.map(({ ids }) => sqsEvent(ids))
      const answers = answersOf(await invokeConcurrently(handler, events))
      expect(answers.map(reported)).toEqual(drawn.map(({ failing }) => [...failing]))
      expect(new Set(answers).size).toBe(batches)
      expect(new Set(answers.map(({ batchItemFailures }) => batchItemFailures)).size).toBe(batches)
    },
  )

  test('without a failure share no answer either', async () => {
    const handler = handlerOf('sqs', async () => {})
    const events = Array.from({ length: batches }, (_, number) => sqsEvent([`${number}`]))
    const answers = answersOf(await invokeConcurrently(handler, events))
    for (const answer of answers) answer.batchItemFailures.push({ itemIdentifier: 'pushed by a test' })
    expect(new Set(answers.map(({ batchItemFailures }) => batchItemFailures.length))).toEqual(new Set([1]))
  })

  test.each([10, 100, 1_000])('of %i records of a FIFO queue keep the order of every group', async (size) => {
    const drawn = draw(size)
    const meet = barrier(batches)
    const processed = drawn.map(() => new Map<string, string[]>())
    const handler = handlerOf(
      'sqsFifo',
      async (record) => {
        const id = idOf(record)
        if (id.endsWith('-0')) await meet()
        const number = Number(id.split('-')[0])
        const of = processed[number] as Map<string, string[]>
        const group = of.get(groupOf(id)) ?? []
        group.push(id)
        of.set(groupOf(id), group)
        await undefined
        if (drawn[number]?.failing.has(id)) throw new Error(id)
      },
      { throwOnFullBatchFailure: false },
    )
    const events = drawn.map(({ ids }) => fifoEvent(ids.map((id) => [id, groupOf(id)] as const)))
    const answers = answersOf(await invokeConcurrently(handler, events))
    for (const [number, { ids, failing }] of drawn.entries()) {
      const held: string[] = []
      for (const [group, members = []] of Object.entries(Object.groupBy(ids, groupOf))) {
        const first = members.findIndex((id) => failing.has(id))
        if (first !== -1) held.push(...members.slice(first))
        expect(processed[number]?.get(group)).toEqual(first === -1 ? members : members.slice(0, first + 1))
      }
      expect(reported(answers[number] as BatchResponse).toSorted()).toEqual(held.toSorted())
    }
  })
})
