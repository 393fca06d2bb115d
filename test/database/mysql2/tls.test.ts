import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Database, rdsIam } from 'middy-managed-instances/database'
import { mysqlPool } from 'middy-managed-instances/database/mysql2'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { makeCertificate } from '../support/mariadb.ts'
import { countsOf, mysqlServer, onMariaDb } from '../support/mysql-server.ts'
import { scriptedMysql, type Wire } from '../support/scripted-mysql.ts'
import { failureOf, handlerOf, until } from '../support/server.ts'

// A certificate takes a tool that not every machine has.
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

const connect = (db: Database<PoolConnection>): Promise<unknown> =>
  invoke(
    handlerOf(db, async (db) => (await db.client()).threadId),
    undefined,
    { timeout: 4_000 },
  )

if (hasOpenssl)
  onMariaDb('a pool of mysqlPool() that speaks TLS', () => {
    const server = mysqlServer({ tls: true })
    const trusting = () => ({ host: 'localhost', ssl: { ca: server.mariadb.certificate as string } })

    test('connects with a certificate that is checked, and with one whose name is checked too', async () => {
      for (const verifyIdentity of [false, true]) {
        const { host, ssl } = trusting()
        const db = server.pool({ connections: 1, config: { host, ssl: { ...ssl, verifyIdentity } } })
        const handler = handlerOf(
          db,
          async (db) => (await (await db.client()).query<RowDataPacket[]>("SHOW STATUS LIKE 'Ssl_version'"))[0],
        )
        await expect(invoke(handler, undefined)).resolves.toMatchObject([{ Value: expect.stringContaining('TLS') }])
      }
    })

    test('refuses a certificate nobody has signed, and says what to give', async () => {
      const error = await failureOf(() => connect(server.pool({ config: { ...trusting(), ssl: {} } })))
      expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false, data: { attempts: 1 } })
      expect((error as Error).message).toMatch(/self.signed/)
      expect((error as Error).message).toContain('config.ssl.ca')
    })

    test('is told to use it by a server that wants nothing else', async () => {
      await server.ask("CREATE USER careful IDENTIFIED BY 'secret' REQUIRE SSL")
      const credentials = { username: 'careful', password: 'secret' }
      const config = { database: undefined as never }
      const error = await failureOf(() => connect(server.pool({ credentials, config })))
      expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false })
      await connect(server.pool({ credentials, config: { ...config, ...trusting() } }))
    })

    test('cancels over TLS too', async () => {
      const db = server.pool({ connections: 1, config: trusting() })
      const handler = handlerOf(db, async (db) => (await db.client()).query('SELECT SLEEP(60)'))
      await expect(invoke(handler, undefined, { timeout: 400 })).rejects.toThrow('aborted')
      await until(async () => (await server.sessions()).every(({ command }) => command === 'Sleep'), 1_000)
      await expectNoLeaks()
      expect(await countsOf(db)).toEqual({ total: 1, idle: 1 })
    })

    test('that is killed while it is lent fails what runs, and connects again', async () => {
      const db = server.pool({ connections: 1, config: trusting(), onError: () => {} })
      const slow = invoke(
        handlerOf(db, async (db) => failureOf(async () => (await db.client()).query('SELECT SLEEP(60)'))),
        undefined,
      )
      await until(async () => (await server.sessions()).some(({ info }) => info?.startsWith('SELECT SLEEP')))
      await server.killAll()
      expect(await slow).toBeInstanceOf(Error)
      await connect(db)
    })
  })

const described = hasOpenssl ? describe : describe.skip

described('a server that wants the password as it is, as RDS does for a token of IAM,', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mysql-tls-test-'))
  let certificate: string
  let key: string
  beforeAll(async () => {
    certificate = await makeCertificate(directory)
    key = readFileSync(join(directory, 'server.key'), 'utf8')
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const told: string[] = []
  const askForPassword = async (wire: Wire, encrypted: boolean): Promise<void> => {
    wire.greet(true)
    await wire.next()
    if (encrypted) {
      wire.secure(key, certificate)
      await wire.next()
    }
    wire.send(Buffer.from([0xfe]), 'mysql_clear_password')
    told.push((await wire.next()).toString().replace('\0', ''))
    wire.ok()
    await wire.refuseQueries()
  }

  const token = rdsIam({
    hostname: 'orders.example.com',
    port: 3306,
    username: 'orders',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
  })
  const poolFor = (port: number, ssl: unknown) =>
    mysqlPool({ connections: 1, credentials: token, config: { host: 'localhost', port, ssl: ssl as object } })

  test('gets it over TLS with a certificate that is checked', async () => {
    const port = await scriptedMysql((wire) => askForPassword(wire, true))
    const db = poolFor(port, { ca: certificate, verifyIdentity: true })
    expect(await connect(db)).toBe(7)
    await db.close()
    expect(told).toEqual([(await token.get()).password])
  })

  test.each([
    ['without TLS', undefined, false],
    ['with TLS switched off', false, false],
    ['over TLS with a certificate that is not checked', { rejectUnauthorized: false }, true],
  ])('does not get it %s', async (_name, ssl, encrypted) => {
    told.length = 0
    const port = await scriptedMysql((wire) => askForPassword(wire, encrypted))
    const db = poolFor(port, ssl)
    const error = await failureOf(() => connect(db))
    await db.close()
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false })
    expect((error as Error).message).toContain('give config.ssl')
    expect(told).toEqual([])
  })

  test('has its name checked with verifyIdentity alone', async () => {
    const elsewhere = await makeCertificate(directory, 'elsewhere.example.com')
    const itsKey = readFileSync(join(directory, 'server.key'), 'utf8')
    const port = await scriptedMysql(async (wire) => {
      wire.greet(true)
      await wire.next()
      wire.secure(itsKey, elsewhere)
      await wire.next()
      wire.ok()
      await wire.refuseQueries()
    })
    const trusting = poolFor(port, { ca: elsewhere })
    expect(await connect(trusting)).toBe(7)
    await trusting.close()
    const careful = poolFor(port, { ca: elsewhere, verifyIdentity: true })
    const error = await failureOf(() => connect(careful))
    await careful.close()
    expect(error).toMatchObject({ code: 'DATABASE_CONNECT', retryable: false })
    expect((error as Error).message).toMatch(/altnames/)
  })

  test('that says nothing while TLS begins is given up on after connectTimeout', async () => {
    const port = await scriptedMysql(async (wire) => {
      wire.greet(true)
      await wire.next()
    })
    const config = { host: 'localhost', port, ssl: { ca: certificate } }
    const db = mysqlPool({ connections: 1, config, connectTimeout: 100, acquireTimeout: 400 })
    const error = await failureOf(() => connect(db))
    await db.close()
    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining('raise connectTimeout') })
  })

  test('that hangs up while TLS begins is asked again', async () => {
    let asked = 0
    const port = await scriptedMysql(async (wire) => {
      asked += 1
      wire.greet(true)
      await wire.next()
      if (asked === 3) wire.secure(key, certificate)
      else wire.hangUp()
      await wire.next()
      wire.ok()
      await wire.refuseQueries()
    })
    const db = poolFor(port, { ca: certificate })
    expect(await connect(db)).toBe(7)
    await db.close()
    expect(asked).toBe(3)
  })

  test('has the profile of Amazon RDS for its certificate', async () => {
    const port = await scriptedMysql((wire) => askForPassword(wire, true))
    const db = poolFor(port, 'Amazon RDS')
    // Ours is not among them.
    expect(await failureOf(() => connect(db))).toMatchObject({
      message: expect.stringMatching(/self.signed.*Amazon RDS/),
    })
    await db.close()
  })
})
