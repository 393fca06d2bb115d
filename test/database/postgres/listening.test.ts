import type { Socket } from 'node:net'
import { describe, expect, jest, test } from '@jest/globals'
import { barrier, invoke } from 'middy-managed-instances/testing'
import type postgres from 'postgres'
import { failureOf, testServer, until } from '../support/server.ts'
import { handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'
import { betweenErrorAndClose, onceWritten, over } from './support/sockets.ts'

const server = testServer()

/** Runs one request on a database of its own. */
const inRequest = <R>(work: (sql: postgres.Sql) => R, options?: SharedOptions): Promise<Awaited<R>> =>
  invoke(handlerWith(sharedOn(server, options), work), undefined)

/** Has both connections of a worker in use at the same time. */
const usesTwo = async (sql: postgres.Sql): Promise<void> => {
  const meet = barrier(2)
  await Promise.all([sql.begin(meet), sql.begin(meet)])
}

describe('sql.listen()', () => {
  test('that fails keeps no connection', async () => {
    await inRequest(
      async (sql) => {
        for (let time = 0; time < 3; time++)
          expect(await failureOf(() => sql.listen('', () => {}))).toMatchObject({ code: '42601' })
        await usesTwo(sql)
      },
      { connections: 2, acquireTimeout: 500 },
    )
  })

  test('whose first connection is lost while it is sent fails, and keeps neither that connection nor the next', async () => {
    const lost: Socket[] = []
    const config = over(server, (socket) =>
      onceWritten(socket, 'LISTEN "', () => {
        if (lost.length > 0) return
        lost.push(socket)
        socket.destroy()
      }),
    )
    await inRequest(
      async (sql) => {
        expect(await failureOf(() => sql.listen('news', () => {}))).toMatchObject({ code: 'CONNECTION_CLOSED' })
        await usesTwo(sql)
      },
      { connections: 2, acquireTimeout: 500, config },
    )
    expect(lost).toHaveLength(1)
  })

  test('goes on hearing what it did when another one fails of the loss of its connection', async () => {
    const sockets: Socket[] = []
    const heard: string[] = []
    await inRequest(
      async (sql) => {
        await sql.listen('first', (payload) => heard.push(payload))
        const failure = await betweenErrorAndClose(sockets[0], () => failureOf(() => sql.listen('second', () => {})))
        expect(failure).toMatchObject({ code: 'CONNECTION_DESTROYED' })
        await until(async () => {
          await sql.notify('first', 'again')
          return heard.includes('again')
        })
      },
      { connections: 2, config: over(server, (socket) => sockets.push(socket)) },
    )
  })

  test('that fails of the loss of its connection leaves that one to nobody', async () => {
    const sockets: Socket[] = []
    const loss = Object.assign(new Error('of the network'), { code: 'ECONNRESET' })
    const config = over(server, (socket) => {
      sockets.push(socket)
      onceWritten(socket, 'LISTEN "', () => socket.emit('error', loss))
    })
    await inRequest(
      async (sql) => {
        expect(await failureOf(() => sql.listen('news', () => {}))).toBe(loss)
        await until(async () => sockets[0]?.closed === true)
      },
      { connections: 2, config },
    )
  })

  test('hears again even if the next connection is lost as well', async () => {
    const sockets: Socket[] = []
    const heard: string[] = []
    const loss = Object.assign(new Error('of the network'), { code: 'ECONNRESET' })
    const config = over(server, (socket) => {
      sockets.push(socket)
      if (sockets.length === 2) onceWritten(socket, 'LISTEN "', () => socket.destroy(loss))
    })
    await inRequest(
      async (sql) => {
        await sql.listen('twice', (payload) => heard.push(payload))
        sockets[0]?.destroy()
        await until(async () => sockets[1]?.closed === true)
        await until(async () => {
          await server.ask("NOTIFY twice, 'again'")
          return heard.includes('again')
        })
      },
      { connections: 2, config, onError: () => {} },
    )
  })

  test('hears again after attempts to connect that failed for good', async () => {
    const sockets: Socket[] = []
    const refused: Error[] = []
    const heard: string[] = []
    const config = over(server, (socket) => {
      sockets.push(socket)
      if (sockets.length === 2 || sockets.length === 3) throw new Error('of the network')
    })
    await inRequest(
      async (sql) => {
        await sql.listen('thrice', (payload) => heard.push(payload))
        sockets[0]?.destroy()
        await until(async () => {
          await server.ask("NOTIFY thrice, 'again'")
          return heard.includes('again')
        })
      },
      { connections: 2, config, onError: (error) => refused.push(error) },
    )
    expect(refused).toMatchObject(Array(2).fill({ code: 'DATABASE_CONNECT' }))
    for (const socket of sockets) socket.destroy()
  })

  test('hears again after connections that are lost as it begins, and tells of each once', async () => {
    const lost = 6
    const sockets: Socket[] = []
    const failures: Error[] = []
    const heard: string[] = []
    const config = over(server, (socket) => {
      sockets.push(socket)
      if (sockets.length > 1 && sockets.length <= 1 + lost) onceWritten(socket, 'LISTEN "', () => socket.destroy())
    })
    await inRequest(
      async (sql) => {
        await sql.listen('often', (payload) => heard.push(payload))
        sockets[0]?.destroy()
        await until(async () => {
          await server.ask("NOTIFY often, 'again'")
          return heard.includes('again')
        })
      },
      { connections: 2, config, onError: (error) => failures.push(error) },
    )
    expect(sockets).toHaveLength(1 + lost + 1)
    expect(failures).toMatchObject(Array(lost).fill({ code: 'CONNECTION_CLOSED' }))
  })

  test('fails on a channel that is none alone, however many begin at once', async () => {
    await inRequest(async (sql) => {
      const heard = Promise.withResolvers<string>()
      const [bad, good] = await Promise.allSettled([sql.listen('', () => {}), sql.listen('news', heard.resolve)])
      expect(bad).toMatchObject({ status: 'rejected', reason: { code: '42601' } })
      expect(good.status).toBe('fulfilled')
      await sql.notify('news', 'hello')
      expect(await heard.promise).toBe('hello')
    })
  })

  test('ends if its connection is lost while UNLISTEN is sent', async () => {
    const sockets: Socket[] = []
    await inRequest(
      async (sql) => {
        await sql.listen('kept', () => {})
        const { unlisten } = await sql.listen('left', () => {})
        await betweenErrorAndClose(sockets[0], unlisten)
      },
      { connections: 2, config: over(server, (socket) => sockets.push(socket)) },
    )
  })

  const fails: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('of the listener')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('of the listener'))],
  ]
  test.each(fails)('reports a listener that %s as such, and calls the others', async (_name, fail) => {
    const logged = jest.spyOn(console, 'error').mockImplementation(() => {})
    const errors: Error[] = []
    try {
      await inRequest(
        async (sql) => {
          const called = Promise.withResolvers<string>()
          await sql.listen('news', fail as () => void)
          await sql.listen('news', called.resolve)
          await sql.notify('news', 'hello')
          expect(await called.promise).toBe('hello')
        },
        { onError: (error) => errors.push(error) },
      )
      expect(logged.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
        {
          level: 'ERROR',
          message: 'postgresJs(): a listener of sql.listen() threw.',
          channel: 'news',
          cause: expect.stringContaining('Error: of the listener'),
        },
      ])
      expect(errors).toEqual([])
    } finally {
      logged.mockRestore()
    }
  })
})
