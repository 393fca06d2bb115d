import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Database, Lease } from '../database-adapter.ts'
import {
  ContractRequests,
  ended,
  hasCode,
  isRetryable,
  moment,
  patience,
  requestFor,
  requestOf,
  within,
} from './contract-requests.ts'

/** An adapter and how to use what it lends, for {@link adapterContract}. */
export interface AdapterUnderTest<L> {
  /** Makes a database with so many connections, or one shared client; the contract closes it. */
  readonly make: (connections: number) => Database<L>
  /** One round trip to the server; resolves to something that tells the connection from others. */
  readonly use: (client: L) => Promise<unknown>
  /** Whether all leases are one shared client, which nothing is taken back from. */
  readonly shared: boolean
  /**
   * Has a connection while `work` runs, and calls it with what `use` would resolve to: for a client that holds none, and
   * takes one for each query or transaction. @defaultValue a client has its connection from when it is lent
   */
  readonly borrow?: (client: L, work: (connection: unknown) => Promise<void>) => Promise<unknown>
  /** Gives the client back by a method of its own, such as `release()`, if it has one. */
  readonly giveBack?: (client: L) => unknown
  /** Makes a database whose server can't be reached. */
  readonly makeUnreachable?: () => Database<L>
  /** Resolves in the middle of a transaction that nobody ends, and tells whether one is open. */
  readonly transaction?: {
    readonly open: (client: L) => Promise<unknown>
    readonly isOpen: (client: L) => Promise<boolean>
  }
  /** Changes the session, and tells whether it is changed. */
  readonly session?: {
    readonly soil: (client: L) => Promise<unknown>
    readonly isSoiled: (client: L) => Promise<boolean>
  }
  /** Runs something that takes seconds. */
  readonly linger?: (client: L) => Promise<unknown>
}

/** One rule of the contract, to be run as a test of any test runner. */
export interface ContractRule {
  readonly name: string
  readonly run: () => Promise<void>
}

const timedOut = { outcome: 'timedOut', handlerSettled: false } as const

const isThe =
  (reason: Error) =>
  (error: unknown): boolean =>
    error === reason

/**
 * The rules that `database()` relies on, for the tests of an adapter.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { pgPool } from 'middy-managed-instances/database/pg'
 * import { adapterContract } from 'middy-managed-instances/testing'
 *
 * const rules = adapterContract({
 *   make: (connections) => pgPool({ connections }),
 *   use: async (client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid,
 *   shared: false,
 * })
 * for (const { name, run } of rules) test(name, run)
 * ```
 */
export const adapterContract = <L>(adapter: AdapterUnderTest<L>): ContractRule[] => {
  const { use, shared, borrow = async (client, work) => work(await use(client)) } = adapter
  const rules: ContractRule[] = []
  const rule = (
    name: string,
    check: (requests: ContractRequests<L>) => Promise<void>,
    make = () => adapter.make(2),
  ): void => {
    const run = async (): Promise<void> => {
      const db = make()
      try {
        await check(new ContractRequests(db, { use, borrow }))
      } finally {
        await db.close()
      }
    }
    rules.push({ name, run })
  }

  rule('lends a client that works', async (requests) => {
    await requests.serve()
  })

  rule('takes a client back once, however often it is told to', async (requests) => {
    const lease = await requests.lend()
    await lease.end(ended)
    await lease.end(ended)
    await lease.end(undefined)
    await requests.serve()
    if (!shared) await requests.expectAllThere()
  })

  rule('gives the driver the same pool at every call', async ({ db }) => {
    equal(await db.pool, await db.pool)
  })

  rule('describes itself in one line', async ({ db }) => {
    const text = await db.describe({ environments: 3 })
    ok(text.includes(db.name) && text.includes('3 environments') && !text.includes('\n'), text)
  })

  rule('refuses a request whose signal has aborted, with its reason', async (requests) => {
    const reason = new Error('aborted before')
    await rejects(requests.lend(requestOf(AbortSignal.abort(reason))), isThe(reason))
  })

  rule('calls back with the same, where it has lend()', async ({ db }) => {
    const lend = (signal?: AbortSignal): Promise<Lease<L>> =>
      new Promise((take, refuse) => db.lend?.(requestOf(signal), { take, refuse }))
    if (db.lend === undefined) return
    const lease = await lend()
    await use(lease.client)
    await lease.end(ended)
    const reason = new Error('aborted before')
    await rejects(lend(AbortSignal.abort(reason)), isThe(reason))
    await db.close()
    await rejects(lend(), hasCode('DATABASE_CLOSED'))
  })

  rule('closes within its deadline while a client is lent, and lends no more', async (requests) => {
    const { db } = requests
    const { release } = await requests.hold()
    await within(1_500, db.close({ deadline: Date.now() + 200 }), 'close()')
    await within(100, db.close(), 'a second close()')
    await rejects(requests.lend(), hasCode('DATABASE_CLOSED'))
    await within(500, Promise.allSettled([release()]), 'the end of the request')
  })

  rule('closes before anything was opened', async (requests) => {
    await within(100, requests.db.close(), 'close()')
    await rejects(requests.lend(), hasCode('DATABASE_CLOSED'))
  })

  const { makeUnreachable, giveBack, transaction, session, linger } = adapter
  if (makeUnreachable !== undefined)
    rule(
      'ends the wait for a server that can not be reached at the deadline, again and again',
      async (requests) => {
        for (let attempt = 0; attempt < 2; attempt++)
          await within(1_000, rejects(requests.serve(requestFor(200))), 'the wait')
      },
      makeUnreachable,
    )
  if (shared) return rules

  rule('lends two requests two connections, and a third one none', (requests) => requests.expectAllThere())

  rule('lends a connection again that has come back', async (requests) => {
    const seen = new Set<unknown>()
    for (let request = 0; request < 8; request++) seen.add(await requests.serve())
    ok(seen.size <= 2, `${seen.size} connections for 8 requests, one after the other`)
  })

  rule(
    'refuses the use of a client whose request has ended, also while another has its connection',
    async (requests) => {
      const lease = await requests.lend()
      await use(lease.client)
      await lease.end(ended)
      const others = await requests.holdAll()
      await requests.expectRefused(lease.client, 'REQUEST_ENDED')
      await others.release()
      await requests.expectAllThere()
    },
  )

  rule('refuses the use of a client that was given back', async (requests) => {
    const lease = await requests.lend()
    await lease.end(undefined)
    await requests.expectRefused(lease.client, 'LEASE_RELEASED')
  })

  if (giveBack !== undefined) {
    rule(
      'tells a request that its client was given back by a method of its own, and refuses its use',
      async (requests) => {
        let heard = 0
        const lease = await requests.lend(requestOf(), () => {
          heard += 1
        })
        await giveBack(lease.client)
        equal(heard, 1, `giveBack() of the request was called ${heard} times`)
        await requests.expectRefused(lease.client, 'LEASE_RELEASED')
      },
    )

    rule('takes a client back once, however often a method of its own gives it back', async (requests) => {
      const lease = await requests.lend()
      await giveBack(lease.client)
      const others = await requests.holdAll()
      try {
        await giveBack(lease.client)
      } catch (error) {
        if (!hasCode('LEASE_RELEASED')(error)) throw error
      }
      await lease.end(ended)
      await requests.expectNoneLeft()
      await others.release()
      await requests.expectAllThere()
    })
  }

  rule('ends a wait when its signal aborts, and what comes later goes back', async (requests) => {
    const others = await requests.holdAll()
    const reason = new Error('aborted meanwhile')
    const controller = new AbortController()
    const ask = () => requests.waits(requestOf(controller.signal)).map((wait) => rejects(wait, isThe(reason)))
    const refused = ask()
    await nextTurn()
    refused.push(...ask())
    controller.abort(reason)
    await within(500, Promise.all(refused), 'the end of the waits')
    await others.release()
    await requests.expectAllThere()
  })

  rule('ends a wait at its deadline with an error that can be retried', async (requests) => {
    const others = await requests.holdAll()
    const refused = requests.waits(requestFor(moment)).map((wait) => rejects(wait, isRetryable))
    await within(500, Promise.all(refused), 'the end of the waits')
    await others.release()
  })

  rule('serves those that wait in their order', async (requests) => {
    const first = await requests.hold()
    const second = await requests.hold()
    const served: number[] = []
    const waiting = Array.from({ length: 6 }, async (_, order) => {
      await requests.serve()
      served.push(order)
    })
    await first.release()
    await Promise.all(waiting)
    deepEqual(served, [0, 1, 2, 3, 4, 5])
    await second.release()
  })

  if (adapter.borrow !== undefined) {
    rule('has a connection come back before the request ends that borrowed it', async (requests) => {
      const lease = await requests.lend()
      await use(lease.client)
      await borrow(lease.client, async () => {})
      await within(1_000, requests.expectAllThere(), 'the return')
      await lease.end(ended)
    })

    rule('refuses what still waits for a connection when its request ends', async (requests) => {
      const others = await requests.holdAll()
      const lease = await requests.lend()
      const refused = requests.expectRefused(lease.client, 'REQUEST_ENDED')
      await nextTurn()
      await lease.end(ended)
      await others.release()
      await refused
      await requests.expectAllThere()
    })
  }

  if (transaction !== undefined)
    rule('shows no request the transaction of the one before', async (requests) => {
      await requests.inTwo(transaction.open)
      deepEqual(await requests.inTwo(transaction.isOpen), [false, false])
    })

  if (session !== undefined)
    rule('shows no request the session of the one before', async (requests) => {
      await requests.inTwo(session.soil)
      deepEqual(await requests.inTwo(session.isSoiled), [false, false])
    })

  if (linger !== undefined)
    rule('has what outlives its request ended, and serves on', async (requests) => {
      const leases = [await requests.lend(), await requests.lend()]
      const lingering = leases.map(({ client }) => linger(client).catch(() => {}))
      await requests.expectNoneLeft()
      for (const lease of leases) void lease.end(timedOut)
      await within(patience, Promise.all(lingering), 'what lingers')
      await requests.expectAllThere()
    })

  return rules
}
