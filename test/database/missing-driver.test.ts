import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { loadDriver } from '../../middlewares/database/load-driver.ts'
import { failureOf } from './support/server.ts'

const script = join(import.meta.dirname, 'fixtures/without-driver.mjs')
const options = ['--no-warnings', '--conditions=middy-managed-instances/source']
/** Milliseconds in which a process has answered two requests and come to its end. */
const bound = 15_000

/** What two requests and describe() are told in a process that can't resolve a package. */
const toldWithout = async (packageName: string, adapter: string, login: string): Promise<unknown[]> => {
  const how = [...options, script, packageName, adapter, login]
  const { stdout } = await promisify(execFile)(process.execPath, how, { timeout: bound })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const missing = (feature: string, packageName: string): object => ({
  name: 'DriverMissingError',
  code: 'DRIVER_MISSING',
  message: `${feature}: the package "${packageName}" can't be loaded. Run "npm install ${packageName}", and leave it in the bundle.`,
  retryable: false,
  data: { feature, packageName },
  cause: { code: 'ERR_MODULE_NOT_FOUND', message: expect.stringContaining(packageName) },
})

describe('a package that is not installed', () => {
  test.each([
    ['pgPool', 'pg'],
    ['mysqlPool', 'mysql2'],
    ['postgresJs', 'postgres'],
  ])('fails each request of %s() with what to install: %s', async (adapter, packageName) => {
    const error = missing(`${adapter}()`, packageName)
    expect(await toldWithout(packageName, adapter, 'password')).toMatchObject([error, error, error])
  })

  test.each(['pgPool', 'mysqlPool', 'postgresJs'])(
    'that rdsIam() needs fails each request of %s() with what to install',
    async (adapter) => {
      const signer = '@aws-sdk/rds-signer'
      const error = missing('rdsIam()', signer)
      expect(await toldWithout(signer, adapter, 'rdsIam')).toMatchObject([error, error, error])
    },
  )

  test.each([
    [
      'ERR_MODULE_NOT_FOUND',
      "Cannot find package 'pg-pool' imported from /var/task/node_modules/pg/lib/index.js",
      "Cannot find package 'pg' imported from /var/task/node_modules/middy-managed-instances/dist/database/pg.js",
    ],
    [
      'MODULE_NOT_FOUND',
      "Cannot find module 'pg-pool'\nRequire stack:\n- /var/task/node_modules/pg/lib/index.js",
      "Cannot find module 'pg'\nRequire stack:\n- /var/task/index.js",
    ],
  ])('is told from a dependency of its own that is not (%s)', async (code, ofDependency, ofDriver) => {
    const cause = Object.assign(new Error(ofDependency), { code })
    expect(await failureOf(() => loadDriver('pgPool()', 'pg', () => Promise.reject(cause)))).toBe(cause)
    const absent = Object.assign(new Error(ofDriver), { code })
    expect(await failureOf(() => loadDriver('pgPool()', 'pg', () => Promise.reject(absent)))).toMatchObject({
      code: 'DRIVER_MISSING',
      cause: absent,
    })
  })

  test('is told from one that fails by itself', async () => {
    const cause = new Error('broken')
    expect(await failureOf(() => loadDriver('pgPool()', 'pg', () => Promise.reject(cause)))).toBe(cause)
  })
})
