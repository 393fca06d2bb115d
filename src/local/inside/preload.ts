import { getEnvironmentData, isMainThread } from 'node:worker_threads'
import {
  type Configuration,
  configurationKey,
  configurationVariable,
  type WorkerConfiguration,
} from './configuration.ts'
import { prepareMainThread } from './main-thread.ts'
import { prepareWorker } from './worker-thread.ts'

// Runs before the runtime client in the main thread and in every worker. A process that the handler forks inherits the flag that
// loads this file, and finds neither configuration.
if (isMainThread) {
  const text = process.env[configurationVariable]
  delete process.env[configurationVariable]
  if (text !== undefined) prepareMainThread(JSON.parse(text) as Configuration)
} else {
  const configuration = getEnvironmentData(configurationKey) as unknown as WorkerConfiguration | undefined
  if (configuration !== undefined) prepareWorker(configuration)
}
