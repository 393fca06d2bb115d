import { expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { type Database, type Db, database, type Lease, type LeaseTaker } from 'middy-managed-instances/database'
import { invoke } from 'middy-managed-instances/testing'

/** A database that lends when a test says so. */
class Scripted implements Database<string> {
  readonly name = 'scripted'
  readonly pool = Promise.resolve(undefined)
  readonly ended: unknown[] = []
  readonly takers: LeaseTaker<string>[] = []
  readonly #answer: (taker: LeaseTaker<string>, asked: number) => void

  constructor(answer: (taker: LeaseTaker<string>, asked: number) => void = () => {}) {
    this.#answer = answer
  }

  lend(_request: unknown, taker: LeaseTaker<string>): void {
    this.#answer(taker, this.takers.push(taker))
  }

  lease(client: string): Lease<string> {
    return {
      client,
      end: (ending) => {
        this.ended.push(ending?.outcome)
        return undefined
      },
    }
  }

  acquire(): never {
    throw new Error('acquire() was called, beside lend()')
  }

  async describe(): Promise<string> {
    return this.name
  }

  async close(): Promise<void> {}
}

const handlerOf = <R>(db: Database<string>, work: (db: Db<string>) => Promise<R>) =>
  middy<unknown, R>(managed())
    .use(database({ db }))
    .handler(async (_event, { db }) => work(db))

test('a refusal at once is not remembered', async () => {
  const scripted: Scripted = new Scripted((taker, asked) =>
    asked === 1 ? taker.refuse(new Error('refused')) : taker.take(scripted.lease(`client ${asked}`)),
  )
  const handler = handlerOf(scripted, async (db) => {
    const first = await db.client().catch((error: Error) => error.message)
    return [first, await db.client(), await db.client()]
  })
  await expect(invoke(handler, {})).resolves.toEqual(['refused', 'client 2', 'client 2'])
  expect(scripted.ended).toEqual(['returned'])
})

test('a client that comes after the request has ended goes back', async () => {
  const scripted = new Scripted()
  const handler = handlerOf(scripted, async (db) => {
    void db.client().catch(() => {})
    return 'done'
  })
  await expect(invoke(handler, {})).resolves.toBe('done')
  scripted.takers[0]?.take(scripted.lease('late'))
  expect(scripted.ended).toEqual(['returned'])
})

test('a request has its client in the very turn in which it comes', async () => {
  const scripted = new Scripted()
  const order: string[] = []
  const handler = handlerOf(scripted, async (db) => {
    order.push(await db.client())
  })
  const running = invoke(handler, {})
  while (scripted.takers.length === 0) await undefined
  scripted.takers[0]?.take(scripted.lease('client'))
  queueMicrotask(() => order.push('next'))
  await running
  expect(order).toEqual(['client', 'next'])
})

test('what a request has released early is given back once', async () => {
  const scripted: Scripted = new Scripted((taker, asked) => taker.take(scripted.lease(`client ${asked}`)))
  const handler = handlerOf(scripted, async (db) => {
    const client = await db.client()
    await db.release(client)
    const again = await db.release(client).catch((error: { code: string }) => error.code)
    return [client, again, await db.client()]
  })
  await expect(invoke(handler, {})).resolves.toEqual(['client 1', 'LEASE_RELEASED', 'client 2'])
  expect(scripted.ended).toEqual([undefined, 'returned'])
})
