import { jest } from '@jest/globals'
import { testServer } from '../database/support/server.ts'
import { postgresJsOrders } from './fixtures/postgres.ts'
import { stormRequests, testStorm } from './fixtures/storm.ts'

jest.setTimeout(60_000 + stormRequests * 20)

// Killed while it asks for array types, the first connection of a worker ends it within postgres.js, as the guide says.
const orders = postgresJsOrders(testServer({ maxConnections: 60 }), { fetch_types: false })

testStorm('postgresJs()', orders, stormRequests)
