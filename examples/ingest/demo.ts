import { parseArgs } from 'node:util'
import { conclude, isClean } from './demo/conclusion.ts'
import { measure } from './demo/report.ts'
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
try {
  const report = await measure(requests, store, interrupted.signal)
  console.log(`\n${tableOf(report, report.naive)}\n\n${conclude(report, report.naive)}\n`)
  if (values.json) console.log(JSON.stringify(report))
  if (!isClean(report)) process.exitCode = 1
} catch (error) {
  if (!interrupted.signal.aborted) throw error
  console.error('Interrupted.')
  process.exitCode = 130
} finally {
  await store.close()
}
