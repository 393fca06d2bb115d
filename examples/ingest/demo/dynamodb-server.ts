import { once } from 'node:events'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server

const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1')
await once(server, 'listening')
parentPort?.postMessage((server.address() as AddressInfo).port)
