import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { barrier, invoke } from 'middy-managed-instances/testing'
import type { Connection } from 'mysql2'
import type { PoolConnection } from 'mysql2/promise'
import { mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { scriptedMysql } from '../support/scripted-mysql.ts'
import { failureOf, handlerOf } from '../support/server.ts'
import { outputOf } from './support/fixture.ts'

// Jest fails a file in which a rejection stays unhandled, or an error is thrown at nobody.

onMariaDb('a client of mysqlPool() whose connection is lost', () => {
  const server = mysqlServer()
  const coreOf = (client: PoolConnection): Connection => client.connection as unknown as Connection
  /** A request that works with a client whose connection is lost once `begin` has begun what runs on it. */
  const lost = async <B, R>(
    begin: (client: PoolConnection) => B,
    work: (client: PoolConnection, begun: Awaited<B>) => R,
  ): Promise<Awaited<R>> => {
    const db = server.pool({ connections: 1, onError: () => {} })
    const meet = barrier(2)
    const handler = handlerOf(db, async (db) => {
      const client = await db.client()
      const ended = new Promise((resolve) => client.once('end', () => resolve(undefined)))
      const begun = await begin(client)
      await meet()
      await ended
      const result = await work(client, begun)
      await nextTurn()
      return result
    })
    const answer = invoke(handler, undefined)
    await meet()
    await server.killAll()
    return answer as Promise<Awaited<R>>
  }
  const slow = 'SELECT SLEEP(60)'

  test('queries that nobody awaits, or not yet, end no worker', async () => {
    const begin = (client: PoolConnection): Promise<unknown>[] => [
      client.query(slow),
      client.execute(slow),
      client.query('SELECT 1'),
    ]
    expect(await failureOf(() => lost(begin, (_client, [, , last]) => last))).toBeInstanceOf(Error)
    expect(await failureOf(() => lost(begin, (_client, [first]) => first))).toBeInstanceOf(Error)
    expect(await lost(begin, () => 'answered')).toBe('answered')
  })

  test('queries that nobody awaits end no worker if they begin after the loss', async () => {
    const result = await lost(
      () => {},
      (client) => {
        void client.query('SELECT 1')
        void client.beginTransaction()
        coreOf(client).query('SELECT 1').stream()
        return failureOf(() => client.query('SELECT 1'))
      },
    )
    expect(result).toBeInstanceOf(Error)
  })

  test('a stream that nobody reads yet ends no worker, and fails when it is read', async () => {
    const failed = lost(
      (client) => coreOf(client).query(slow).stream(),
      (_client, stream) =>
        failureOf(async () => {
          for await (const _row of stream);
        }),
    )
    expect(await failed).toBeInstanceOf(Error)
  })

  test('by a server that shuts down, a query whose error tells of it ends no worker', async () => {
    const port = await scriptedMysql(async (wire) => {
      wire.greet(false)
      await wire.next()
      wire.ok()
      for (;;) {
        const packet = (await wire.next()).toString()
        if (packet.includes('first')) wire.fail(1053, 'Server shutdown in progress')
        else if (packet.includes('second')) return wire.hangUp()
        else if (packet.includes('SELECT')) wire.fail(1064, 'This server knows no query.')
        else wire.ok()
      }
    })
    // Jest forgives a rejection that is handled in the end.
    const output = await outputOf('shut-down.mjs', JSON.stringify({ ...server.config, port }))
    expect(output).toBe('PROTOCOL_CONNECTION_LOST\n')
  })

  test('what is executed by events, and is lost while it is prepared, ends no worker if nobody listens', async () => {
    const prepare = 0x16
    const port = await scriptedMysql(async (wire) => {
      wire.greet(false)
      await wire.next()
      wire.ok()
      for (;;) {
        const packet = await wire.next()
        if (packet[0] === prepare) return wire.hangUp()
        if (packet.includes('SELECT')) wire.fail(1064, 'This server knows no query.')
        else wire.ok()
      }
    })
    const handler = handlerOf(server.pool({ connections: 1, config: { port } }), async (db) => {
      const client = await db.client()
      const ended = new Promise((resolve) => client.once('end', () => resolve('lost')))
      coreOf(client).execute('INSERT INTO t VALUES (?)', [1])
      return ended
    })
    expect(await invoke(handler, undefined)).toBe('lost')
  })

  const read: [string, (core: Connection) => NodeJS.EventEmitter][] = [
    ['a query by events', (core) => core.query('SELECT 1')],
    ['a stream', (core) => core.query('SELECT 1').stream()],
    ['what is executed by events', (core) => core.execute('SELECT 1')],
    ['a stream of what is executed', (core) => core.execute('SELECT ?', [1]).stream()],
  ]
  test.each(read)('%s that is begun after the loss fails at once', async (_name, begin) => {
    const heard: Error[] = []
    const error = await lost(
      (client) => client.on('error', (error) => heard.push(error)),
      (client) => new Promise((resolve) => begin(coreOf(client)).once('error', resolve)),
    )
    expect(error).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST', message: expect.stringContaining('was not sent') })
    expect(heard).toContain(error)
  })

  test('a prepared statement that is executed by events after the loss fails at once', async () => {
    const error = await lost(
      (client) => client.prepare('SELECT ? AS a'),
      (_client, prepared) => {
        const { statement } = prepared as unknown as {
          statement: { execute(values: unknown[]): NodeJS.EventEmitter }
        }
        return new Promise((resolve) => statement.execute([1]).once('error', resolve))
      },
    )
    expect(error).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' })
  })
})
