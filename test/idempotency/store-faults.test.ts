import { describe, expect, test } from '@jest/globals'
import type { ReleaseError } from 'middy-managed-instances'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { failureOf, Gate, once } from './support/requests.ts'
import { dynamoStore, ownDatabase } from './support/stores.ts'

const database = ownDatabase()
const event = { order: 1 }
const silently = { maxAttempts: 1 }

const persistenceError = (message: RegExp): unknown =>
  expect.objectContaining({ name: 'IdempotencyPersistenceLayerError', message: expect.stringMatching(message) })

describe('a store', () => {
  test('that can not be reached runs nothing, and says so', async () => {
    let executions = 0
    const persistenceStore = dynamoStore(database, { ...silently, endpoint: 'http://127.0.0.1:9' })
    const handler = once({ persistenceStore }, async () => ++executions)
    const failure = await failureOf(invoke(handler, event))
    expect(failure).toEqual(
      persistenceError(/^idempotency\(\): .*in progress \(.*ECONNREFUSED.*\), so the handler was not run\. Check /),
    )
    expect(String(failure.cause)).toContain('ECONNREFUSED')
    expect(executions).toBe(0)
  })

  test('that throttles the lock runs nothing, and the request may be sent again', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database, silently) }, async () => ++executions)
    database.fail('PutItem', 'throttle')
    expect(await failureOf(invoke(handler, event))).toEqual(persistenceError(/ProvisionedThroughputExceeded/))
    expect(executions).toBe(0)
    expect(await invoke(handler, event)).toBe(1)
  })

  test('that throttles a result for a moment gets it, and nobody notices', async () => {
    const handler = once({ persistenceStore: dynamoStore(database, silently) }, async () => 'done')
    database.fail('UpdateItem', 'throttle')
    expect(await invoke(handler, event)).toBe('done')
    expect(await invoke(handler, event)).toBe('done')
  })

  test('that throttles a result for longer fails the request, and gets it in the background', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database, silently) }, async () => ++executions)
    database.fail('UpdateItem', 'throttle', 3)
    const failure = await failureOf(invoke(handler, event))
    expect(failure).toEqual(persistenceError(/^idempotency\(\): the handler has done its work .*ProvisionedThroughput/))
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    await expectNoLeaks(5_000)
    expect(await invoke(handler, event)).toBe(1)
    expect(executions).toBe(1)
  })

  test('that throttles the release of a lock changes no error, is reported, and is asked again in the background', async () => {
    const reported: ReleaseError[] = []
    let executions = 0
    const thrown = new RangeError('thrown')
    const handler = once(
      { persistenceStore: dynamoStore(database, silently) },
      async () => {
        if (executions++ === 0) throw thrown
        return 'done'
      },
      { onReleaseError: (error) => void reported.push(error) },
    )
    database.fail('DeleteItem', 'throttle', 2)
    expect(await failureOf(invoke(handler, event))).toBe(thrown)
    expect(reported).toMatchObject([
      { data: { release: 'idempotency record' }, cause: { name: 'ProvisionedThroughputExceededException' } },
    ])
    await expectNoLeaks(5_000)
    expect(await invoke(handler, event)).toBe('done')
  })

  test('that does not take the result of a zombie is reported, and asked again', async () => {
    const reported = Promise.withResolvers<ReleaseError>()
    const gate = new Gate()
    const handler = once(
      { persistenceStore: dynamoStore(database, silently), zombieGrace: 60_000 },
      async () => {
        await gate.wait()
        return 'late'
      },
      { onReleaseError: reported.resolve },
    )
    expect((await failureOf(invoke(handler, event, { timeout: 100 }))).name).toBe('TimeoutError')
    database.fail('UpdateItem', 'throttle', 2)
    gate.open()
    expect(await reported.promise).toMatchObject({ data: { outcome: 'timedOut' }, code: 'RELEASE_FAILED' })
    await expectNoLeaks(5_000)
    expect(await invoke(handler, event)).toBe('late')
  })

  test('that takes a result only after the timeout has it then, for a retry that was refused until then', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database), zombieGrace: 60_000 }, async () => ++executions)
    database.fail('UpdateItem', 'hang')
    expect((await failureOf(invoke(handler, event, { timeout: 1_000 }))).name).toBe('TimeoutError')
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    const saved = database.answered('UpdateItem')
    database.recover()
    await saved
    expect(await invoke(handler, event)).toBe(1)
    expect(executions).toBe(1)
  })

  test('that does not answer a duplicate holds it no longer than its own time, and leaves the first alone', async () => {
    const gate = new Gate()
    const handler = once({ persistenceStore: dynamoStore(database) }, () => gate.wait().then(() => 'done'))
    const first = invoke(handler, event)
    await gate.begun
    database.fail('GetItem', 'hang')
    expect((await failureOf(invoke(handler, event, { timeout: 1_000 }))).name).toBe('TimeoutError')
    database.recover()
    gate.open()
    expect(await first).toBe('done')
    expect(await invoke(handler, event)).toBe('done')
  })

  test('that does not take back a lock in time holds the error of the handler up, and takes it back later', async () => {
    let executions = 0
    const handler = once({ persistenceStore: dynamoStore(database), zombieGrace: 60_000 }, async () => {
      if (++executions === 1) throw new RangeError('thrown')
      return 'done'
    })
    database.fail('DeleteItem', 'hang')
    expect((await failureOf(invoke(handler, event, { timeout: 1_000 }))).name).toBe('TimeoutError')
    expect((await failureOf(invoke(handler, event))).name).toBe('IdempotencyAlreadyInProgressError')
    const removed = database.answered('DeleteItem')
    database.recover()
    await removed
    expect(await invoke(handler, event)).toBe('done')
  })

  test('that breaks off after it took the lock keeps it no longer than the request could have run', async () => {
    const persistenceStore = dynamoStore(database, silently)
    const handler = once({ persistenceStore, zombieGrace: 0 }, async () => 'done')
    database.fail('PutItem', 'lose')
    const sent = Date.now()
    expect(await failureOf(invoke(handler, event, { timeout: 300 }))).toEqual(persistenceError(/not run/))
    const lock = Number((await database.items())[0]?.['in_progress_expiration']?.N)
    expect(lock - sent).toBeLessThan(400)
  })
})
