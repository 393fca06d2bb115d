import { describe, expect, test } from '@jest/globals'
import { type MysqlPoolOptions, mysqlPool } from 'middy-managed-instances/database/mysql2'

const make = (options: unknown): unknown => mysqlPool(options as MysqlPoolOptions)
const configuration =
  'an object without connectionLimit, connectTimeout, gracefulEnd, idleTimeout, maxIdle, Promise, queueLimit, resetOnRelease, stream and waitForConnections'

describe('mysqlPool()', () => {
  const wrong: [string, unknown, string][] = [
    ['connections', 0, 'a whole number, 1 or more, received 0'],
    ['connections', 2.5, 'a whole number, 1 or more, received 2.5'],
    ['connections', undefined, 'a whole number, 1 or more, received undefined'],
    ['config', 'mysql://', `${configuration}, received 'mysql://'`],
    ['config', { connectionLimit: 5 }, `${configuration}, received { connectionLimit: 5 }`],
    ['credentials', {}, 'a password, an object with a password, a function or a source, received {}'],
    ['reset', 'never', "'dirty' or 'always' or 'off', received 'never'"],
    ['map', 'kysely', "a function, received 'kysely'"],
  ]
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ connections: 4, [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`mysqlPool(): option "${option}" must be ${problem}.`)
  })

  test('refuses an option it does not know, and none at all', () => {
    expect(() => make({ connections: 4, max: 5 })).toThrow(
      'mysqlPool(): unknown option "max" (received 5); expected one of connections,',
    )
    expect(() => make(undefined)).toThrow('mysqlPool(): option "connections" must be')
  })

  test('leaves the options as they were given, and connects to nothing before it is asked', async () => {
    const ssl = Object.freeze({ ca: 'none' })
    const config = Object.freeze({ host: 'no-such-host.invalid', ssl })
    const db = mysqlPool(Object.freeze({ connections: 4, config }))
    await db.pool
    expect(config).toEqual({ host: 'no-such-host.invalid', ssl: { ca: 'none' } })
    await db.close()
  })
})
