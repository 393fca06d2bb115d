import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { DatabaseConnectError } from 'middy-managed-instances/database'
import { invoke } from 'middy-managed-instances/testing'
import { failureOf, testServer, until } from '../support/server.ts'
import { hangUp, relayTo, serveTcp } from '../support/tcp.ts'
import { handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'

const server = testServer()

const connect = (options: SharedOptions): Promise<unknown> =>
  invoke(
    handlerWith(sharedOn(server, options), (sql) => sql`SELECT 1 AS one`),
    undefined,
  )

/** A configuration with several servers at once. */
const at = (...ports: (number | undefined)[]): SharedOptions => ({
  config: { host: ports.map(() => '127.0.0.1'), port: ports } as object,
})

test.each([false, 'require'] as const)('tries again with pauses at a server that hangs up (ssl: %p)', async (ssl) => {
  let accepted = 0
  const port = await serveTcp((socket) => {
    accepted += 1
    hangUp(socket)
  })
  const error = await failureOf(() => connect({ config: { port, ssl }, acquireTimeout: 600 }))
  const { attempts } = (error as DatabaseConnectError).data
  expect(error).toMatchObject({ retryable: true, message: expect.stringContaining('behind its proxy') })
  expect(attempts).toBeGreaterThan(1)
  expect(accepted).toBe(attempts)
})

test('goes to the next of several hosts that refuse or hang up, and cancels there', async () => {
  const db = sharedOn(server, { connections: 1, ...at(1, await serveTcp(hangUp), server.config.port) })
  const cancelled = handlerWith(db, async (sql) => {
    const query = sql`SELECT pg_sleep(60)`.execute()
    await until(async () => (await server.sessions()).some(({ state }) => state === 'active'))
    query.cancel()
    return [await failureOf(() => query), await sql`SELECT 1 AS one`]
  })
  await expect(invoke(cancelled, undefined)).resolves.toMatchObject([{ code: '57014' }, [{ one: 1 }]])
})

test('connects over a socket of the file system', async () => {
  const host = mkdtempSync(join(tmpdir(), 'postgres-js-'))
  await serveTcp((socket) => relayTo(socket, server.config), join(host, `.s.PGSQL.${server.config.port}`))
  await expect(connect({ config: { host } })).resolves.toMatchObject([{ one: 1 }])
  rmSync(host, { recursive: true })
})

test('says so if no host is what is wanted', async () => {
  const error = await failureOf(() => connect({ config: { target_session_attrs: 'standby' }, acquireTimeout: 300 }))
  expect(error).toMatchObject({ message: expect.stringContaining('no host that answers is standby') })
})

test('takes a primary for prefer-standby where there is nothing else', async () => {
  const { config } = at(1, server.config.port)
  await expect(connect({ config: { ...config, target_session_attrs: 'prefer-standby' } })).resolves.toHaveLength(1)
})

/** What a server says that is starting. */
const starting = Buffer.from('E\0\0\0\x1dSFATAL\0C57P03\0Mstarting\0\0', 'latin1')

test.each([
  ['says nothing', () => {}],
  ['is starting', (socket: Socket) => void socket.once('data', () => socket.end(starting))],
])('gets past a first host that %s', async (_name, serve) => {
  const hosts = at(await serveTcp(serve), server.config.port)
  await expect(connect({ connectTimeout: 200, ...hosts })).resolves.toMatchObject([{ one: 1 }])
})
