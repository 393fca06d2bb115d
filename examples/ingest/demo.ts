import { parseArgs } from 'node:util'
import { startBackend } from '../backend/backend.ts'
import { conclude, isClean } from './demo/conclusion.ts'
import { measure } from './demo/report.ts'
import { bucket } from './demo/requests.ts'
import { tableOf } from './demo/table.ts'
import { startObjectStore } from './object-store.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, requests: { type: 'string', default: '5000' } },
})
const requests = Number(values.requests)
if (!Number.isInteger(requests) || requests < 100) {
  throw new RangeError(`--requests must be a whole number from 100, not ${values.requests}.`)
}

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())

const store = await startObjectStore()
const backend = await startBackend({ latency: 30 })
backend.parameters.set('/ingest/bucket', { value: bucket })
backend.parameters.set('/ingest/format', { value: '{"delimiter":","}' })
try {
  const report = await measure(requests, store, backend, interrupted.signal)
  console.log(`\n${tableOf(report)}\n\n${conclude(report, report.naive)}\n`)
  if (values.json) console.log(JSON.stringify(report))
  if (!isClean(report)) process.exitCode = 1
} catch (error) {
  if (!interrupted.signal.aborted) throw error
  console.error('Interrupted.')
  process.exitCode = 130
} finally {
  await Promise.all([store.close(), backend.stop()])
}
