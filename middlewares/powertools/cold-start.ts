import { runtime } from '../../src/runtime/environment.ts'

let isFirst = runtime.managedInstances

/** Whether this is the first request of a worker on Managed Instances, where Powertools knows of no cold start; asked once by each. */
export const takeColdStart = (): boolean => {
  const taken = isFirst
  isFirst = false
  return taken
}

/** Runs `start`, and has `instances` take the request for a cold start meanwhile. */
export const startCold = (instances: readonly object[], start: () => void): void => {
  for (const instance of instances)
    Object.defineProperty(instance, 'getColdStart', { value: () => true, configurable: true })
  try {
    start()
  } finally {
    for (const instance of instances) Reflect.deleteProperty(instance, 'getColdStart')
  }
}
