import { expect, jest } from '@jest/globals'
import { mysqlOrders } from '../chaos/fixtures/mysql.ts'
import { mysqlServer, onMariaDb } from '../database/support/mysql-server.ts'
import { testOrders } from './fixtures/orders.ts'
import { testRotation } from './fixtures/rotation.ts'

jest.setTimeout(60_000)

onMariaDb('MariaDB', () => {
  const server = mysqlOrders(mysqlServer({ maxConnections: 60 }))

  const untouched = {
    mode: expect.stringContaining('STRICT'),
    trace: null,
    isolation: 'REPEATABLE-READ',
    name: 'tests',
    held: null,
    open: 0,
    scratch: 0,
  }

  testOrders('mysqlPool()', server, { untouched })
  testRotation('mysqlPool()', server)
})
