import module from 'node:module'
import type { NetConnectOpts, Socket } from 'node:net'
import { blockWrites } from './blocking.ts'
import { logSocketName, type WorkerConfiguration } from './configuration.ts'
import { createNativeClient } from './native-client.ts'

const require = module.createRequire(import.meta.url)
const clientSymbol = Symbol.for('middy-managed-instances.native-client')

/** Gives the runtime client what it lacks without Lambda: its native addon, its log socket and TypeScript handlers. */
export function prepareWorker(configuration: WorkerConfiguration): void {
  const restoreFiles = answerProbe(configuration.redirect?.probe)
  const restoreSockets = connectLogs(configuration)
  const nativeClient = createNativeClient(configuration)
  const addon = new URL('./lmi-native-client.cjs', configuration.client).href

  module.registerHooks({
    resolve(specifier, context, nextResolve) {
      if (context.parentURL !== configuration.client) return nextResolve(specifier, context)
      if (specifier === './rapid-client.node') {
        // The client asks for its addon once it has taken what it needs from fs and net, and before any of the user's code runs.
        restoreFiles()
        restoreSockets()
        return { url: addon, format: 'commonjs', shortCircuit: true }
      }
      if (specifier === configuration.redirect?.probe) return nextResolve(configuration.redirect.url, context)
      return nextResolve(specifier, context)
    },
    load(url, context, nextLoad) {
      if (url !== addon) return nextLoad(url, context)
      Object.defineProperty(globalThis, clientSymbol, { value: nativeClient, configurable: true })
      const key = `Symbol.for(${JSON.stringify(clientSymbol.description)})`
      const source = `module.exports = globalThis[${key}]\ndelete globalThis[${key}]\n`
      return { format: 'commonjs', source, shortCircuit: true }
    },
  })
}

function answerProbe(probe: string | undefined): () => void {
  const fs = require('node:fs') as typeof import('node:fs')
  const { existsSync } = fs
  if (probe !== undefined) fs.existsSync = (file) => file === probe || existsSync(file)
  return () => {
    fs.existsSync = existsSync
  }
}

function connectLogs({ host, logPort, worker }: WorkerConfiguration): () => void {
  const net = require('node:net') as typeof import('node:net')
  const { createConnection } = net
  const connect = createConnection as (...arguments_: unknown[]) => Socket
  net.createConnection = ((first: NetConnectOpts | string, ...rest: unknown[]) => {
    if (first !== logSocketName) return connect(first, ...rest)
    const socket = connect(logPort, host)
    // The client writes with fs.writeSync: on a blocking socket a slow reader delays a line instead of throwing EAGAIN at user code.
    blockWrites(socket)
    socket.once('connect', () => {
      socket.setNoDelay(true)
      socket.write(`${worker}\n`)
    })
    return socket
  }) as typeof net.createConnection
  return () => {
    net.createConnection = createConnection
  }
}
