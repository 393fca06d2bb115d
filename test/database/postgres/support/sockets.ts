import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestServer } from '../../support/server.ts'
import type { SharedOptions } from './shared.ts'

/** What has postgres.js connect over sockets of the test's. */
export const over = (server: TestServer, opened: (socket: Socket) => void): NonNullable<SharedOptions['config']> => {
  const socket = async (): Promise<Socket> => {
    const { host, port } = server.config
    const socket = connect(port, host)
    await once(socket, 'connect')
    opened(socket)
    return socket
  }
  return { socket } as object
}

/** Calls back before something is written that has these words. */
export const onceWritten = (socket: Socket, words: string, callback: () => void): void => {
  const write = socket.write
  socket.write = ((...args: Parameters<typeof write>) => {
    if (String(args[0]).includes(words)) {
      socket.write = write
      callback()
    }
    return write.apply(socket, args)
  }) as typeof write
}

/** Has a socket fail, and does something before it is closed. */
export const betweenErrorAndClose = async <R>(socket: Socket | undefined, work: () => R): Promise<Awaited<R>> => {
  if (socket === undefined) throw new Error('No connection has been opened.')
  const failed = once(socket, 'error')
  socket.destroy(new Error('of the network'))
  await failed
  return await work()
}
