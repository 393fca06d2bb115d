import { jest } from '@jest/globals'
import { mysqlServer, onMariaDb } from '../database/support/mysql-server.ts'
import { mysqlOrders } from './fixtures/mysql.ts'
import { stormRequests, testStorm } from './fixtures/storm.ts'

jest.setTimeout(60_000 + stormRequests * 20)

onMariaDb('MariaDB', () => {
  testStorm('mysqlPool()', mysqlOrders(mysqlServer({ maxConnections: 60 })), stormRequests)
})
