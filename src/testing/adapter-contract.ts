import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import type { Database, Lease, LeaseRequest } from '../database-adapter.ts'
import { isManagedError } from '../errors.ts'

/** An adapter and how to use what it lends, for {@link adapterContract}. */
export interface AdapterUnderTest<L> {
  /** Makes a database with so many connections, or one shared client; the contract closes it. */
  readonly make: (connections: number) => Database<L>
  /** One round trip to the server; resolves to something that tells the connection from others. */
  readonly use: (client: L) => Promise<unknown>
  /** Whether all leases are one shared client, which nothing is taken back from. */
  readonly shared: boolean
  /** Makes a database whose server can't be reached. */
  readonly makeUnreachable?: () => Database<L>
  /** Leaves a transaction open, and tells whether one is. */
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

const ended = { outcome: 'returned', handlerSettled: true } as const
const timedOut = { outcome: 'timedOut', handlerSettled: false } as const

const forever = new AbortController().signal

/** A request as `database()` makes one. */
const requestOf = (signal: AbortSignal = forever, deadline = Number.POSITIVE_INFINITY): LeaseRequest => ({
  signal,
  deadline,
  giveBack: async () => {},
})

const hasCode =
  (...codes: string[]) =>
  (error: unknown): boolean =>
    isManagedError(error) && codes.includes(error.code)

const isThe =
  (reason: Error) =>
  (error: unknown): boolean =>
    error === reason

/** How long a connection may take to come back in order. */
const restoreBound = 3_000

const within = async <T>(milliseconds: number, work: Promise<T>, what: string): Promise<T> => {
  const started = performance.now()
  const result = await work
  ok(performance.now() - started < milliseconds, `${what} took longer than ${milliseconds} ms`)
  return result
}

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
  const { use, shared } = adapter
  const rules: ContractRule[] = []
  const rule = (name: string, check: (db: Database<L>) => Promise<void>, make = () => adapter.make(2)): void => {
    const run = async (): Promise<void> => {
      const db = make()
      try {
        await check(db)
      } finally {
        await db.close()
      }
    }
    rules.push({ name, run })
  }
  const lend = (db: Database<L>): Promise<Lease<L>> => db.acquire(requestOf())

  rule('lends a client that works', async (db) => {
    const lease = await lend(db)
    await use(lease.client)
    await lease.end(ended)
  })

  rule('takes a client back once, however often it is told to', async (db) => {
    const lease = await lend(db)
    await lease.end(ended)
    await lease.end(ended)
    await lease.end(undefined)
    const again = await lend(db)
    await use(again.client)
    await again.end(ended)
  })

  rule('gives the driver the same pool at every call', async (db) => {
    equal(await db.pool, await db.pool)
  })

  rule('describes itself in one line', async (db) => {
    const text = await db.describe({ environments: 3 })
    ok(text.includes(db.name) && text.includes('3 environments') && !text.includes('\n'), text)
  })

  rule('refuses a request whose signal has aborted, with its reason', async (db) => {
    const reason = new Error('aborted before')
    await rejects(db.acquire(requestOf(AbortSignal.abort(reason))), isThe(reason))
  })

  rule('calls back with the same, where it has lend()', async (db) => {
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

  rule('closes within its deadline while a client is lent, and lends no more', async (db) => {
    await lend(db)
    await within(1_500, db.close({ deadline: Date.now() + 200 }), 'close()')
    await within(100, db.close(), 'a second close()')
    await rejects(lend(db), hasCode('DATABASE_CLOSED'))
  })

  rule('closes before anything was opened', async (db) => {
    await within(100, db.close(), 'close()')
    await rejects(lend(db), hasCode('DATABASE_CLOSED'))
  })

  const { makeUnreachable, transaction, session, linger } = adapter
  if (makeUnreachable !== undefined)
    rule(
      'ends the wait for a server that can not be reached at the deadline, again and again',
      async (db) => {
        for (let attempt = 0; attempt < 2; attempt++) {
          const waited = db.acquire(requestOf(forever, Date.now() + 200))
          await within(1_000, rejects(waited), 'the wait')
        }
      },
      makeUnreachable,
    )
  if (shared) return rules

  rule('lends two requests two connections', async (db) => {
    const leases = await Promise.all([lend(db), lend(db)])
    const [first, second] = await Promise.all(leases.map(({ client }) => use(client)))
    notEqual(first, second)
    for (const lease of leases) await lease.end(ended)
  })

  rule('lends a connection again that has come back', async (db) => {
    const seen = new Set<unknown>()
    for (let request = 0; request < 8; request++) {
      const lease = await lend(db)
      seen.add(await use(lease.client))
      await lease.end(ended)
    }
    ok(seen.size <= 2, `${seen.size} connections for 8 requests, one after the other`)
  })

  rule('refuses the use of a client whose request has ended, also while another has its connection', async (db) => {
    const { client, end } = withClient(await lend(db))
    await end(ended)
    const others = await Promise.all([lend(db), lend(db)])
    await rejects(async () => use(client), hasCode('REQUEST_ENDED'))
    for (const other of others) {
      await use(other.client)
      await other.end(ended)
    }
  })

  rule('refuses the use of a client that was given back', async (db) => {
    const { client, end } = withClient(await lend(db))
    await end(undefined)
    await rejects(async () => use(client), hasCode('LEASE_RELEASED'))
  })

  rule('ends a wait when its signal aborts, and what comes later goes back', async (db) => {
    const held = await Promise.all([lend(db), lend(db)])
    const reason = new Error('aborted meanwhile')
    const controller = new AbortController()
    const waiting = Array.from({ length: 5 }, () => db.acquire(requestOf(controller.signal)))
    const refused = Promise.all(waiting.map((wait) => rejects(wait, isThe(reason))))
    controller.abort(reason)
    await within(500, refused, 'the end of the waits')
    for (const lease of held) await lease.end(ended)
    const again = await Promise.all([lend(db), lend(db)])
    for (const lease of again) {
      await use(lease.client)
      await lease.end(ended)
    }
  })

  rule('ends a wait at its deadline with an error that can be retried', async (db) => {
    const held = await Promise.all([lend(db), lend(db)])
    const wait = db.acquire(requestOf(forever, Date.now() + 50))
    const refused = rejects(wait, (error) => isManagedError(error) && error.retryable)
    await within(500, refused, 'the wait')
    for (const lease of held) await lease.end(ended)
  })

  rule('serves those that wait in their order', async (db) => {
    const held = await Promise.all([lend(db), lend(db)])
    const served: number[] = []
    const waiting = Array.from({ length: 6 }, async (_, order) => {
      const lease = await lend(db)
      served.push(order)
      await use(lease.client)
      await lease.end(ended)
    })
    for (const lease of held) await lease.end(ended)
    await Promise.all(waiting)
    deepEqual(served, [0, 1, 2, 3, 4, 5])
  })

  if (transaction !== undefined)
    rule('shows no request the transaction of the one before', async (db) => {
      const leases = await Promise.all([lend(db), lend(db)])
      for (const { client } of leases) await transaction.open(client)
      for (const lease of leases) await lease.end(ended)
      for (const lease of await within(restoreBound, Promise.all([lend(db), lend(db)]), 'the next clients')) {
        equal(await transaction.isOpen(lease.client), false)
        await lease.end(ended)
      }
    })

  if (session !== undefined)
    rule('shows no request the session of the one before', async (db) => {
      const leases = await Promise.all([lend(db), lend(db)])
      for (const { client } of leases) await session.soil(client)
      for (const lease of leases) await lease.end(ended)
      for (const lease of await within(restoreBound, Promise.all([lend(db), lend(db)]), 'the next clients')) {
        equal(await session.isSoiled(lease.client), false)
        await lease.end(ended)
      }
    })

  if (linger !== undefined)
    rule('has what outlives its request ended, and serves on', async (db) => {
      const leases = await Promise.all([lend(db), lend(db)])
      const lingering = leases.map(({ client }) => linger(client).catch(() => {}))
      for (const lease of leases) void lease.end(timedOut)
      await within(restoreBound, Promise.all(lingering), 'what lingers')
      for (const lease of await within(restoreBound, Promise.all([lend(db), lend(db)]), 'the next clients')) {
        await use(lease.client)
        await lease.end(ended)
      }
    })

  return rules
}

const withClient = <L>(lease: Lease<L>): { client: L; end: Lease<L>['end'] } => ({
  client: lease.client,
  end: (ending) => lease.end(ending),
})
