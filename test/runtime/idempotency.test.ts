import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { type InvocationResult, type LocalRuntime, startRuntime } from 'middy-managed-instances/local'
import { Database } from '../idempotency/support/database.ts'

jest.setTimeout(240_000)

const inProgress = 'IdempotencyAlreadyInProgressError'

type Implementation = 'ours' | 'official'

describe('idempotency on the real runtime, with 4 workers and 64 requests at once', () => {
  const database = new Database()
  let runtime: LocalRuntime

  beforeAll(async () => {
    await database.start()
    runtime = await startRuntime({
      handler: 'test/runtime/fixtures/idempotency.handler',
      workers: 4,
      concurrency: 64,
      timeout: 20_000,
      privateTmp: true,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      env: {
        AWS_ENDPOINT_URL_DYNAMODB: database.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'EXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'EXAMPLE',
      },
    })
  })
  afterAll(async () => {
    await runtime?.stop()
    await database.stop()
  })

  const executionsOf = (name: string): number => {
    const file = join(runtime.tmp, 'executions')
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line === name).length
      : 0
  }
  const until = async (condition: () => boolean): Promise<void> => {
    const end = performance.now() + 20_000
    while (!condition() && performance.now() < end) await wait(5)
    expect(condition()).toBe(true)
  }
  const open = (key: string): void => writeFileSync(join(runtime.tmp, `open ${key}`), '')
  /** A machine that is busy may have the runtime notice a timeout before Middy does. */
  const endOf = (result: InvocationResult): unknown => {
    if (result.status === 'ok') return result.payload
    return result.status === 'timeout' ? 'TimeoutError' : result.error.errorType
  }

  test('64 duplicates of each of 100 keys make 100 executions', async () => {
    const events = Array.from({ length: 6_400 }, (_, index) => ({ kind: 'returns', key: `burst ${index % 100}` }))
    // Neither all duplicates of a key at once nor one key after the other.
    const order = events.map((event, index) => [(index * 2_654_435_761) % 4_294_967_296, event] as const)
    const shuffled = order.sort(([one], [other]) => one - other).map(([, event]) => event)
    const results = await runtime.burst(shuffled)
    const replays = results.filter((result, index) => {
      if (result.status === 'ok') expect(result.payload).toEqual({ charged: shuffled[index]?.key })
      else expect(endOf(result)).toBe(inProgress)
      return result.status === 'ok'
    })
    for (let key = 0; key < 100; key++) expect(executionsOf(`ours burst ${key}`)).toBe(1)
    expect(replays.length).toBeGreaterThan(100)
    expect(new Set(results.map(({ worker }) => worker)).size).toBe(4)
  })

  test('64 duplicates at once are one execution and 63 refusals, and get its result afterwards', async () => {
    const event = { kind: 'holds', key: 'at once' }
    let refused = 0
    const burst = runtime.burst(Array(64).fill(event), {
      onResult: (result) => {
        if (endOf(result) === inProgress && ++refused === 63) open('at once')
      },
    })
    const results = (await burst).map(endOf)
    expect(results.filter((end) => end === 'done')).toHaveLength(1)
    expect(results.filter((end) => end === inProgress)).toHaveLength(63)
    const replays = await runtime.burst(Array(64).fill(event))
    expect(replays.map(endOf)).toEqual(Array(64).fill('done'))
    expect(executionsOf('ours at once')).toBe(1)
  })

  // The control: it fails here when Powertools has learned it.
  test("64 duplicates at once and two more are several executions with Powertools' middleware", async () => {
    const event = { function: 'official', kind: 'holds', key: 'piled up' }
    const executions = () => executionsOf('official piled up')
    let refused = 0
    const send = (count: number) => runtime.burst(Array(count).fill(event), { onResult: () => refused++ })
    const running = [send(64)]
    await until(() => refused + executions() === 64)
    // One that is refused removes the lock it does not own: it or the next one runs.
    for (const sent of [65, 66]) {
      running.push(send(1))
      await until(() => refused + executions() === sent)
    }
    open('piled up')
    const ends = (await Promise.all(running)).flat().map(endOf)
    expect(executions()).toBeGreaterThan(1)
    expect(ends.filter((end) => end === 'done')).toHaveLength(executions())
    // The second refusal is that of a duplicate whose lock was removed before it could be looked at.
    const refusals = [inProgress, 'IdempotencyItemNotFoundError']
    expect(ends.filter((end) => end !== 'done' && !refusals.includes(end as string))).toEqual([])
  })

  /** Each resolves to how many executions there were, and how the requests ended. */
  const scenarios: Record<string, (f: Implementation, key: string) => Promise<unknown[]>> = {
    'a third arrival while the first runs': async (name, key) => {
      const event = { function: name, kind: 'holds', key }
      const first = runtime.invoke(event)
      await until(() => executionsOf(`${name} ${key}`) === 1)
      const second = endOf(await runtime.invoke(event))
      let answered = false
      const third = runtime.invoke(event).finally(() => {
        answered = true
      })
      await until(() => answered || executionsOf(`${name} ${key}`) === 2)
      open(key)
      return [second, endOf(await third), endOf(await first)]
    },
    'a handler that changes its event': async (name, key) => {
      const event = { function: name, kind: 'changes', key }
      return [endOf(await runtime.invoke(event)), endOf(await runtime.invoke(event))]
    },
    'an early answer after it': async (name, key) => {
      const event = { function: name, kind: 'returns', key, ending: 'early' }
      const first = await runtime.invoke({ ...event, attempt: 1 })
      return [endOf(first), endOf(await runtime.invoke({ ...event, attempt: 2 }))]
    },
    'a failure, then a retry': async (name, key) => {
      const event = { function: name, kind: 'throws', key }
      const first = await runtime.invoke({ ...event, attempt: 1 })
      return [endOf(first), endOf(await runtime.invoke({ ...event, attempt: 2 }))]
    },
    'an outer after that throws': async (name, key) => {
      const event = { function: name, kind: 'returns', key, ending: 'outer after' }
      const first = await runtime.invoke({ ...event, attempt: 1 })
      return [endOf(first), endOf(await runtime.invoke({ ...event, attempt: 2 }))]
    },
    'a timeout, then a retry': async (name, key) => {
      const event = { function: name, kind: 'holds', key }
      const first = runtime.invoke(event, { timeout: 1_000 })
      await until(() => executionsOf(`${name} ${key}`) === 1)
      const ends = [endOf(await first)]
      let answered = false
      const whileRunning = runtime.invoke(event).finally(() => {
        answered = true
      })
      await until(() => answered || executionsOf(`${name} ${key}`) === 2)
      open(key)
      ends.push(endOf(await whileRunning))
      let last = endOf(await runtime.invoke(event))
      for (; last === inProgress; last = endOf(await runtime.invoke(event))) await wait(20)
      return [...ends, last]
    },
  }

  const charged = (key: string): unknown => ({ charged: key })

  test.each<[string, (key: string) => unknown[], number, (key: string) => unknown[], number]>([
    [
      'a third arrival while the first runs',
      () => [inProgress, inProgress, 'done'],
      1,
      () => [inProgress, 'done', 'done'],
      2,
    ],
    ['a handler that changes its event', () => ['done', 'done'], 1, () => ['done', inProgress], 1],
    ['an early answer after it', (key) => ['early', charged(key)], 1, () => ['early', inProgress], 0],
    ['a failure, then a retry', () => ['RangeError', 'done'], 2, () => ['RangeError', 'done'], 2],
    ['an outer after that throws', (key) => ['Error', charged(key)], 1, (key) => ['Error', charged(key)], 2],
    [
      'a timeout, then a retry',
      () => ['TimeoutError', inProgress, 'done'],
      1,
      () => ['TimeoutError', 'done', 'done'],
      2,
    ],
  ])("%s: ours, and Powertools' middleware beside it", async (name, ours, executions, theirs, theirExecutions) => {
    const scenario = scenarios[name] as (f: Implementation, key: string) => Promise<unknown[]>
    const [ourKey, theirKey] = [`our ${name}`, `their ${name}`]
    expect(await scenario('ours', ourKey)).toEqual(ours(ourKey))
    expect(executionsOf(`ours ${ourKey}`)).toBe(executions)
    expect(await scenario('official', theirKey)).toEqual(theirs(theirKey))
    expect(executionsOf(`official ${theirKey}`)).toBe(theirExecutions)
  })

  /** Both functions begin before either ends; resolves to how the requests of the first end when they are sent again. */
  const overlap = async (one: string, other: string): Promise<unknown[]> => {
    // Each worker has a layer of its own: enough of both that they meet in all workers.
    const pairs = Array.from({ length: 16 }, (_, pair) => `${one} ${pair}`)
    const send = (name: string): Promise<InvocationResult>[] =>
      pairs.map((key) => runtime.invoke({ function: name, kind: 'holds', key }))
    const begun = (name: string) => (): boolean => pairs.every((key) => executionsOf(`${name} ${key}`) === 1)
    const running = send(one)
    await until(begun(one))
    running.push(...send(other))
    await until(begun(other))
    for (const key of pairs) open(key)
    const ends = (await Promise.all(running)).map(endOf)
    expect(ends).toEqual(Array(32).fill('done'))
    const again = (await Promise.all([...send(one), ...send(other)])).map(endOf)
    return again
  }

  test('two functions that share a layer, with a prefix each, complete the records of their own', async () => {
    expect(await overlap('orders', 'refunds')).toEqual(Array(32).fill('done'))
    for (let pair = 0; pair < 16; pair++)
      for (const name of ['orders', 'refunds']) expect(executionsOf(`${name} orders ${pair}`)).toBe(1)
  })

  test("two functions of Powertools' middleware that share a layer leave records in progress", async () => {
    expect(await overlap('officialOrders', 'officialRefunds')).toContain(inProgress)
  })

  test('no release has failed', () => {
    expect(runtime.logs().filter((line) => line.includes('RELEASE_FAILED'))).toEqual([])
  })
})
