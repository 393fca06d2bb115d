import { createSocket } from 'node:dgram'
import { parentPort } from 'node:worker_threads'

// In a thread of its own: a busy test would let the socket's buffer run over.
const socket = createSocket({ type: 'udp4', recvBufferSize: 8 * 1024 * 1024 })
let received: string[] = []
socket.on('message', (message) => received.push(String(message)))
socket.bind(0, '127.0.0.1', () => parentPort?.postMessage({ port: socket.address().port }))
parentPort?.on('message', () => {
  parentPort?.postMessage({ received })
  received = []
})
