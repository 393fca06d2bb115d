import { jest } from '@jest/globals'
import { testServer } from '../database/support/server.ts'
import { postgresJsOrders } from './fixtures/postgres.ts'
import { stormRequests, testStorm } from './fixtures/storm.ts'

jest.setTimeout(60_000 + stormRequests * 20)

testStorm('postgresJs()', postgresJsOrders(testServer({ maxConnections: 60 })), stormRequests)
