import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { barrier, invoke } from 'middy-managed-instances/testing'
import { eventOf, idOf, numbered, reported } from './support/batches.ts'
import { handlerOf } from './support/handlers.ts'

type Pair = readonly [id: string, group: string]

interface Case {
  readonly records: readonly Pair[]
  readonly failing: ReadonlySet<string>
  readonly concurrency: number
  /** How many turns of the microtask queue the handler of each record takes. */
  readonly turns: readonly number[]
}

const cases: fc.Arbitrary<Case> = fc
  .array(fc.record({ group: fc.constantFrom('a', 'b', 'c', 'd'), fails: fc.nat(9), turns: fc.nat(6) }), {
    maxLength: 40,
  })
  .chain((made) =>
    fc.constantFrom(1, 2, 3, 10).map((concurrency) => {
      const ids = numbered(made.length)
      return {
        records: made.map(({ group }, index) => [ids[index] as string, group] as const),
        failing: new Set(ids.filter((_, index) => made[index]?.fails === 0)),
        concurrency,
        turns: made.map(({ turns }) => turns),
      }
    }),
  )

interface Seen {
  readonly started: string[]
  readonly succeeded: string[]
  readonly reported: string[]
  readonly most: number
  /** Whether two records of a group ever ran at once. */
  readonly overlapped: boolean
}

const run = async (type: 'sqs' | 'sqsFifo' | 'kinesis' | 'dynamodb', tried: Case): Promise<Seen> => {
  const { records, failing, concurrency, turns } = tried
  const groups = new Map(records)
  const order = new Map(records.map(([id], index) => [id, index]))
  const seen = { started: [] as string[], succeeded: [] as string[], most: 0, overlapped: false }
  const running = new Set<string>()
  const handler = handlerOf(
    type,
    async (record) => {
      const id = idOf(record)
      for (const other of running) seen.overlapped ||= groups.get(other) === groups.get(id)
      seen.started.push(id)
      running.add(id)
      seen.most = Math.max(seen.most, running.size)
      for (let turn = turns[order.get(id) as number] as number; turn > 0; turn--) await undefined
      running.delete(id)
      if (failing.has(id)) throw new Error(id)
      seen.succeeded.push(id)
    },
    { concurrency, throwOnFullBatchFailure: false },
  )
  const response = await invoke(handler, eventOf(type, records))
  return { ...seen, reported: reported(response) }
}

const idsOf = (records: readonly Pair[]): string[] => records.map(([id]) => id)

/** The records of each group, in their order. */
const grouped = (records: readonly Pair[]): string[][] =>
  Object.values(Object.groupBy(records, ([, group]) => group)).map((pairs) => idsOf(pairs ?? []))

const withinGroups = (ids: readonly string[], records: readonly Pair[]): string[][] =>
  grouped(ids.map((id) => records.find(([other]) => other === id) as Pair))

describe('the records of', () => {
  test('a queue are each run once, so many at once, and exactly those that failed are reported', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tried) => {
        const { started, reported, most } = await run('sqs', tried)
        expect(started.toSorted()).toEqual(idsOf(tried.records).toSorted())
        expect(reported).toEqual(idsOf(tried.records).filter((id) => tried.failing.has(id)))
        expect(most).toBeLessThanOrEqual(tried.concurrency)
      }),
    )
  })

  test('a FIFO queue are run in order within a group, up to the first that fails, and the rest of the group is reported', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tried) => {
        const { started, reported, most, overlapped } = await run('sqsFifo', tried)
        const groups = grouped(tried.records).map((ids) => {
          const first = ids.findIndex((id) => tried.failing.has(id))
          return first === -1 ? { run: ids, held: [] } : { run: ids.slice(0, first + 1), held: ids.slice(first) }
        })
        expect(withinGroups(started, tried.records).toSorted()).toEqual(groups.map(({ run }) => run).toSorted())
        expect(reported.toSorted()).toEqual(groups.flatMap(({ held }) => held).toSorted())
        expect(most).toBeLessThanOrEqual(tried.concurrency)
        expect(overlapped).toBe(false)
      }),
    )
  })

  test.each(['kinesis', 'dynamodb'] as const)(
    'a stream of %s are run in order within a key, and Lambda goes on from the first that did not succeed',
    async (type) => {
      await fc.assert(
        fc.asyncProperty(cases, async (tried) => {
          const ids = idsOf(tried.records)
          const { started, succeeded, reported, most, overlapped } = await run(type, tried)
          const checkpoint = ids.findIndex((id) => tried.failing.has(id))
          expect(reported).toEqual(checkpoint === -1 ? [] : [ids[checkpoint]])
          const before = checkpoint === -1 ? ids : ids.slice(0, checkpoint)
          expect(succeeded).toEqual(expect.arrayContaining(before))
          for (const run of withinGroups(started, tried.records))
            expect(run).toEqual(run.toSorted((left, right) => ids.indexOf(left) - ids.indexOf(right)))
          if (tried.concurrency === 1) expect(started).toEqual(checkpoint === -1 ? ids : ids.slice(0, checkpoint + 1))
          expect(overlapped).toBe(false)
          expect(most).toBeLessThanOrEqual(tried.concurrency)
        }),
      )
    },
  )

  test('a stream are not started after one that failed', async () => {
    const started: string[] = []
    const handler = handlerOf(
      'kinesis',
      async (record) => {
        started.push(idOf(record))
        if (idOf(record) === 'id-3') throw new Error('broken')
      },
      { concurrency: 1 },
    )
    const records = numbered(10).map((id) => [id, id] as const)
    expect(reported(await invoke(handler, eventOf('kinesis', records)))).toEqual(['id-3'])
    expect(started).toEqual(['id-0', 'id-1', 'id-2', 'id-3'])
  })

  test('a table are of one item also if its keys are listed in another order', async () => {
    const running = new Set<string>()
    let overlapped = false
    const handler = handlerOf('dynamodb', async () => {
      overlapped ||= running.size > 0
      running.add('it')
      await undefined
      running.clear()
    })
    const of = (id: string, Keys: object) => ({ dynamodb: { SequenceNumber: id, Keys } })
    const [a, b] = [{ S: 'a' }, { N: '1' }]
    await invoke(handler, { Records: [of('1', { a, b }), of('2', { b, a })] })
    expect(overlapped).toBe(false)
  })

  test.each([
    [undefined, 10],
    [3, 3],
    [25, 25],
  ])('a batch with a concurrency of %p are run %i at once', async (concurrency, expected) => {
    const meet = barrier(expected)
    let running = 0
    let most = 0
    const handler = handlerOf(
      'sqs',
      async () => {
        most = Math.max(most, ++running)
        await meet()
        running--
      },
      concurrency === undefined ? {} : { concurrency },
    )
    await invoke(
      handler,
      eventOf(
        'sqs',
        numbered(expected * 3).map((id) => [id, id] as const),
      ),
    )
    expect(most).toBe(expected)
  })
})
