import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import postgres from 'postgres'
import type { DriverOptions } from '../../../middlewares/database/postgres/driver-options.ts'
import { Hosts } from '../../../middlewares/database/postgres/hosts.ts'
import { Sockets } from '../../../middlewares/database/postgres/sockets.ts'
import { failureOf, testServer, until } from '../support/server.ts'
import { handlerWith, sharedOn } from './support/shared.ts'
import { onceWritten, over } from './support/sockets.ts'

const server = testServer()

const one = async (sql: postgres.ISql): Promise<unknown> => [...(await sql`SELECT 1 AS one`)]

test('a connection that is lost while it waits for array types takes nobody its place', async () => {
  const sockets: Socket[] = []
  let asking: Socket | undefined
  const opened = (socket: Socket): void => {
    sockets.push(socket)
    onceWritten(socket, 'typcategory', () => {
      asking ??= socket.pause()
    })
  }
  const db = sharedOn(server, { connections: 2, config: over(server, opened) })
  const both = invokeConcurrently(handlerWith(db, one), [1, 2])
  await until(async () => asking !== undefined && (await server.sessions()).length === 2)
  // Until the other one waits, which nothing tells.
  await setTimeout(50)
  const waiting = sockets.find((socket) => socket !== asking)
  const closed = once(waiting as Socket, 'close')
  await server.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port = ${waiting?.localPort}`)
  await closed
  asking?.resume()
  for (const result of await both) expect(result).toMatchObject({ value: [{ one: 1 }] })
  const nested = handlerWith(db, (sql) => sql.begin(async (inner) => [await one(inner), await one(sql)]))
  await expect(invoke(nested, undefined)).resolves.toHaveLength(2)
})

test('a connection that is lost gets no socket any more, which postgres.js would open for a query that waits', async () => {
  const { host, port } = server.config
  const options = postgres({ host, port: Number(port) } as object).options as unknown as DriverOptions
  const sockets = new Sockets(options, new Hosts(options).inOrder)
  const socket = await sockets.open()
  sockets.ready()
  ;(await sockets.open()).destroy()
  sockets.destroy()
  expect(socket.destroyed).toBe(true)
  expect(await failureOf(() => sockets.open())).toMatchObject({ code: 'CONNECTION_DESTROYED' })
})

test('a query whose parser throws holds its connection until the server has sent all', async () => {
  const types = { bad: { to: 20, from: [20], serialize: String, parse: () => failure() } }
  const db = sharedOn(server, { connections: 1, config: { types } as object })
  const handler = handlerWith(db, async (sql) => {
    const query = sql`
      SELECT n::int8, repeat('x', 100000), CASE WHEN n > 5 THEN pg_sleep(0.02) END FROM generate_series(1, 10) n`
    expect(await failureOf(() => query)).toMatchObject({ message: 'of the parser' })
    return one(sql)
  })
  await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
  expect(await server.sessions()).toHaveLength(1)
})

const failure = (): never => {
  throw new RangeError('of the parser')
}

test('a connection is ended after idle_timeout, and never under a query', async () => {
  const errors: Error[] = []
  const db = sharedOn(server, {
    connections: 1,
    config: { idle_timeout: 0.2 },
    onError: (error) => errors.push(error),
  })
  const handler = handlerWith(db, one)
  for (const wait of [198, 200, 202, 204, 210]) {
    await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
    await setTimeout(wait)
  }
  await until(async () => (await server.sessions()).length === 0, 1_000)
  await expect(invoke(handler, undefined)).resolves.toEqual([{ one: 1 }])
  expect(errors).toEqual([])
})

test('a connection that is ended while its other end is gone leaves its place within a second', async () => {
  const sockets: Socket[] = []
  const config = { ...over(server, (socket) => sockets.push(socket)), idle_timeout: 0.1 }
  const db = sharedOn(server, { connections: 1, acquireTimeout: 3_000, config })
  await expect(invoke(handlerWith(db, one), undefined)).resolves.toEqual([{ one: 1 }])
  const [socket] = sockets as [Socket]
  socket.pause()
  socket.end = () => socket
  await setTimeout(200)
  await expect(invoke(handlerWith(db, one), undefined)).resolves.toEqual([{ one: 1 }])
  expect(sockets).toHaveLength(2)
})

test('a socket of the configuration that comes too late is closed', async () => {
  const { host, port } = server.config
  let late = true
  const sockets: Socket[] = []
  const socket = async (): Promise<Socket> => {
    const socket = connect(Number(port), host)
    sockets.push(socket)
    await once(socket, 'connect')
    if (late) await setTimeout(1_900)
    return socket
  }
  const db = sharedOn(server, {
    connections: 1,
    connectTimeout: 400,
    acquireTimeout: 1_000,
    config: { socket } as object,
  })
  expect(await failureOf(() => invoke(handlerWith(db, one), undefined))).toMatchObject({ code: 'DATABASE_CONNECT' })
  const tooLate = [...sockets]
  late = false
  await expect(invoke(handlerWith(db, one), undefined)).resolves.toEqual([{ one: 1 }])
  await until(async () => tooLate.every(({ destroyed }) => destroyed), 3_000)
  expect(await server.sessions()).toHaveLength(1)
})
