import { test } from '@jest/globals'
import { mysqlPool } from 'middy-managed-instances/database/mysql2'
import { type AdapterUnderTest, adapterContract } from 'middy-managed-instances/testing'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { mysqlServer, onMariaDb } from '../support/mysql-server.ts'

const value = async (client: PoolConnection, sql: string): Promise<unknown> => {
  const [rows] = await client.query<RowDataPacket[]>(sql)
  return Object.values(rows[0] ?? {})[0]
}

onMariaDb('mysqlPool()', () => {
  const server = mysqlServer()

  const mariadb: AdapterUnderTest<PoolConnection> = {
    make: (connections) => mysqlPool({ connections, config: server.config, onLeak: () => {} }),
    makeUnreachable: () => mysqlPool({ connections: 2, config: { ...server.config, port: 1 } }),
    use: (client) => value(client, 'SELECT CONNECTION_ID()'),
    shared: false,
    giveBack: (client) => client.release(),
    transaction: {
      open: (client) => client.beginTransaction(),
      isOpen: async (client) => (await value(client, 'SELECT @@in_transaction')) === 1,
    },
    session: {
      soil: (client) => client.query("SET @trace = 'elsewhere'"),
      isSoiled: async (client) => (await value(client, 'SELECT @trace')) === 'elsewhere',
    },
    linger: (client) => client.query('SELECT SLEEP(30)'),
  }

  for (const { name, run } of adapterContract(mariadb)) test(name, run)
})
