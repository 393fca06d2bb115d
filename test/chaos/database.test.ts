import { expect, jest, test } from '@jest/globals'
import { testServer, until } from '../database/support/server.ts'
import { endingsOf, freshTable, sessionsOf, startOrders, watchSessions } from './fixtures/database.ts'

const requests = Number(process.env['DATABASE_CHAOS'] ?? 2_000)

jest.setTimeout(60_000 + requests * 20)

const server = testServer({ maxConnections: 60 })

/** How many of a hundred there are of each kind. */
const shares = {
  commits: 40,
  answers: 15,
  rollsBack: 12,
  throws: 8,
  leavesTransaction: 7,
  leavesSession: 6,
  two: 5,
  untouched: 4,
  zombie: 2,
  kills: 1,
} as const

type Kind = keyof typeof shares

interface Event {
  readonly id: number
  readonly kind: Kind
  readonly tenant: string
  readonly pause: number
}

/** Mulberry32: the same seed gives the same chaos. */
const randomOf = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test(`${requests} requests with random kills, leaks, timeouts and rollbacks leave the books balanced`, async () => {
  const seed = Number(process.env['DATABASE_SEED'] ?? Date.now() % 1_000_000)
  const random = randomOf(seed)
  const bag = Object.entries(shares).flatMap(([kind, share]) => Array<Kind>(share).fill(kind as Kind))
  const events = Array.from(
    { length: requests },
    (_, id): Event => ({
      id,
      kind: bag[Math.floor(random() * bag.length)] as Kind,
      tenant: `tenant-${Math.floor(random() * 9)}`,
      pause: Math.floor(random() * 4),
    }),
  )
  await freshTable(server)
  const runtime = await startOrders(server, { timeout: 3_000 })
  const watch = watchSessions(server)
  const results = await runtime.burst(events)
  const most = await watch.most()

  expect({ seed, unanswered: results.filter(({ status }) => status === 'unanswered').length }).toEqual({
    seed,
    unanswered: 0,
  })
  expect(runtime.stats().workers.every(({ alive }) => alive)).toBe(true)
  expect(runtime.logs().filter((line) => line.includes('FOUL'))).toEqual([])
  expect(most).toBeLessThanOrEqual(16)

  // What was answered as committed is there; nothing else is, but a commit whose answer a kill has cut off.
  const rows = new Map((await server.ask('SELECT id, tenant, confirmed FROM orders')).map((row) => [row['id'], row]))
  const committed = events.filter(({ kind, id }) => kind === 'commits' && results[id]?.status === 'ok')
  for (const { id, tenant } of committed)
    expect({ seed, row: rows.get(id) }).toEqual({ seed, row: { id, tenant, confirmed: tenant } })
  for (const id of rows.keys()) expect({ seed, id, kind: events[id]?.kind }).toEqual({ seed, id, kind: 'commits' })
  expect(rows.size - committed.length).toBeLessThan(requests / 100 + 5)

  await until(async () => (await sessionsOf(server)).every(({ state }) => state === 'idle'))
  const after = await runtime.burst(Array.from({ length: 256 }, (_, id) => ({ kind: 'answers', id })))
  expect({ seed, endings: endingsOf(after) }).toEqual({ seed, endings: { ok: 256 } })
  for (const [id, result] of after.entries()) expect(result).toMatchObject({ payload: { id } })
})
