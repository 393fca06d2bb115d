import { setImmediate as nextTurn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { InvokeStore, InvokeStoreBase } from '@aws/lambda-invoke-store'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { sample } from '../harness/sample.ts'
import { median } from '../harness/statistics.ts'
import type { HandlerName } from './handlers.ts'
import { environments, type Setting, traceHeader } from './settings.ts'

export interface Contestant {
  readonly handler: HandlerName
  readonly setting: Setting
}

/** How much to measure: `samples` batches of `requests`. */
export interface Batches {
  readonly samples: number
  readonly requests: number
}

const { handler: name, setting } = workerData as Contestant
Object.assign(process.env, environments[setting])
for (const level of ['log', 'info', 'debug', 'warn', 'error'] as const) console[level] = () => {}
const store = await InvokeStore.getInstanceAsync(setting === 'managed instances')
const { makeHandler } = await import('./handlers.ts')
const handler = makeHandler(name)
const event = {}

const { REQUEST_ID, X_RAY_TRACE_ID } = InvokeStoreBase.PROTECTED_KEYS

const request = (): unknown => {
  const context = clientContext()
  if (setting === 'classic') return handler(event, context)
  return store.run({ [REQUEST_ID]: 'request', [X_RAY_TRACE_ID]: traceHeader }, () => handler(event, context))
}

serve(async ({ samples, requests }: Batches): Promise<number> => {
  const batch = async (): Promise<void> => {
    for (let count = 0; count < requests; count++) await request()
    // Timers get their turn, and what they cost is in the figure.
    await nextTurn()
  }
  return median(await sample(samples, batch)) / requests
})
