import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach } from '@jest/globals'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Listens at a path or a port of its own, which it resolves to, and serves each connection as told; ends with its test. */
export const serveTcp = async (serve: (socket: Socket) => unknown, path?: string): Promise<number> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  closing.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

interface Address {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

/** Has a connection be one to a server, and returns the other half of it. */
export const relayTo = (near: Socket, { host, port }: Address): Socket => {
  const far = connect(Number(port), host).on('error', () => {})
  near.once('close', () => far.destroy())
  near.pipe(far).pipe(near)
  return far
}

/** Ends a connection as soon as it says something. */
export const hangUp = (socket: Socket): unknown => socket.once('data', () => socket.end())
