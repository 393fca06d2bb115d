import { rmSync } from 'node:fs'
import module from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { type Configuration, configurationKey, type Report, type ReportedError } from './configuration.ts'

/** Reports the start and the end of each of the client's workers, and ends the environment when its caller is gone. */
export function prepareMainThread(configuration: Configuration): void {
  if (typeof module.registerHooks !== 'function') {
    report({ type: 'unsupported', version: process.version })
    process.exitCode = 1
    return
  }
  if (process.send === undefined) {
    // Without the channel nobody would know of a dead worker, nor end this process when its caller is gone.
    process.stderr.write('nodePath must be the Node.js binary itself, not a script that starts it\n')
    process.exit(1)
  }
  process.env['AWS_EXECUTION_ENV'] ??= `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`
  const workers: Worker[] = []
  watchWorkers(configuration, workers)
  process.once('disconnect', () => void leave(workers, configuration.directories))
  process.channel?.unref()
}

function watchWorkers(configuration: Configuration, workers: Worker[]): void {
  // The runtime client takes Worker from the CommonJS object, which unlike the ESM namespace can be changed.
  const threads = module.createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads')
  const Plain = threads.Worker
  threads.Worker = class Worker extends Plain {
    constructor(...[file, options]: ConstructorParameters<typeof Plain>) {
      const ofClient = file instanceof URL && file.href === configuration.client
      const worker = workers.length
      threads.setEnvironmentData(configurationKey, ofClient ? { ...configuration, worker } : undefined)
      super(file, options)
      if (!ofClient) return
      workers.push(this)
      report({ type: 'started', worker, threadId: this.threadId })
      let error: ReportedError | undefined
      this.once('error', (thrown) => {
        error = describe(thrown)
      })
      this.once('exit', (exitCode) => report({ type: 'ended', worker, exitCode, ...(error && { error }) }))
    }
  }
}

async function leave(workers: readonly Worker[], directories: readonly string[]): Promise<void> {
  // A worker that cannot be ended must not keep the others' files, nor the process.
  await Promise.race([Promise.allSettled(workers.map((worker) => worker.terminate())), wait(500)])
  for (const directory of directories) {
    try {
      rmSync(directory, { recursive: true, force: true })
    } catch {
      // Nobody is left to be told.
    }
  }
  try {
    process.kill(-process.pid, 'SIGKILL')
  } catch {
    process.kill(process.pid, 'SIGKILL')
  }
}

function report(message: Report): void {
  if (process.connected) process.send?.(message)
}

function describe(thrown: unknown): ReportedError {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: String(thrown), stack: [] }
  return { name: thrown.name, message: thrown.message, stack: thrown.stack?.split('\n') ?? [] }
}
