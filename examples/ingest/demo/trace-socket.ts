import { createSocket } from 'node:dgram'
import { parentPort } from 'node:worker_threads'

// In a thread of its own: while the demo's is busy, the socket's buffer would run over.
const socket = createSocket({ type: 'udp4', recvBufferSize: 8 * 1024 * 1024 })
let datagrams: string[] = []
socket.on('message', (datagram) => datagrams.push(String(datagram)))
socket.bind(0, '127.0.0.1', () => parentPort?.postMessage(socket.address().port))
parentPort?.on('message', () => {
  parentPort?.postMessage(datagrams)
  datagrams = []
})
