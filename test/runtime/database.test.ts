import { expect, jest, test } from '@jest/globals'
import { startOrders } from '../chaos/fixtures/database.ts'
import { postgresOrders } from '../chaos/fixtures/postgres.ts'
import { testServer } from '../database/support/server.ts'
import { testOrders } from './fixtures/orders.ts'
import { testRotation } from './fixtures/rotation.ts'

jest.setTimeout(60_000)

const server = postgresOrders(testServer({ maxConnections: 60 }))

const untouched = {
  path: '"$user", public',
  memory: '4MB',
  role: 'postgres',
  scratch: null,
  locks: 0,
  channels: 0,
  transaction: null,
}

testOrders('pgPool()', server, { untouched })
testRotation('pgPool()', server)

test('fewer connections than workers end the start with an error that names both and what to change', async () => {
  const start = startOrders(server, { workers: 8, connections: 4 })
  await expect(start).rejects.toThrow(
    /at least 8.*8 workers \(raise it to 8, or set AWS_LAMBDA_NODEJS_WORKER_COUNT to 4\), received 4/,
  )
})
