import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { database } from 'middy-managed-instances/database'
import { sharedClient } from 'middy-managed-instances/database/shared'
import { expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { createClient } from 'redis'
import { hasRedis, startRedis } from './support/redis.ts'
import { failureOf } from './support/server.ts'

const described = hasRedis() ? describe : describe.skip

described('sharedClient() with Redis', () => {
  test('lends one connection to all requests, and takes it from each at its end', async () => {
    await using server = await startRedis()
    const { url } = server
    const cache = sharedClient({
      name: 'redis',
      open: () => createClient({ url, name: 'cache' }),
      connect: (client) => client.connect(),
      isUsable: (client) => client.isOpen,
      close: (client) => (client.isReady ? client.close() : client.destroy()),
    })
    const kept: { get(key: string): Promise<unknown> }[] = []
    const handler = middy<number>(managed())
      .use(database({ db: cache, contextKey: 'cache' }))
      .handler(async (id, { cache }) => {
        const client = await cache.client()
        kept.push(client)
        await client.set(`key-${id}`, id)
        const [read, sum] = await client.multi().get(`key-${id}`).incrBy('sum', id).exec()
        return [read, typeof sum]
      })
    expect(await server.clients('cache')).toBe(0)
    const results = await invokeConcurrently(
      handler,
      Array.from({ length: 64 }, (_, id) => id),
    )
    expect(results).toEqual(
      Array.from({ length: 64 }, (_, id) => ({ status: 'fulfilled', value: [`${id}`, 'number'] })),
    )
    expect(await server.clients('cache')).toBe(1)
    expect(await failureOf(() => kept[0]?.get('key-1'))).toMatchObject({ code: 'REQUEST_ENDED' })
    await expectNoLeaks()
    await cache.close()
    expect(await server.clients('cache')).toBe(0)
    expect(await failureOf(() => invoke(handler, 1))).toMatchObject({ code: 'DATABASE_CLOSED' })
  })
})
