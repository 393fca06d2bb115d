import { runtime } from '../../src/runtime/environment.ts'

let isFirst = runtime.managedInstances

/**
 * Runs `start`, and has `instances` take the first request of a worker for a cold start: on Managed Instances, where
 * Powertools knows of none, every worker has one.
 */
export const startCold = (instances: readonly object[], start: () => void): void => {
  if (!isFirst) {
    start()
    return
  }
  isFirst = false
  for (const instance of instances)
    Object.defineProperty(instance, 'getColdStart', { value: () => true, configurable: true })
  try {
    start()
  } finally {
    for (const instance of instances) Reflect.deleteProperty(instance, 'getColdStart')
  }
}
