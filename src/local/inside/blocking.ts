import type { Socket } from 'node:net'

/**
 * Makes the writes of a socket wait for the kernel to take every byte, once it is connected. Node.js has no public call for this;
 * where it isn't supported, on Windows, the writes stay as they are.
 */
export function blockWrites(socket: Socket): void {
  socket.once('connect', () => {
    ;(socket as unknown as { _handle?: { setBlocking?(value: boolean): number } })._handle?.setBlocking?.(true)
  })
}
