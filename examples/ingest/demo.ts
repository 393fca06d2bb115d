import { parseArgs } from 'node:util'
import { conclude, isClean } from './demo/conclusion.ts'
import { measure } from './demo/report.ts'
import { withServices } from './demo/services.ts'
import { tableOf } from './demo/table.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, requests: { type: 'string', default: '5000' } },
})
const requests = Number(values.requests)
if (!Number.isInteger(requests) || requests < 100) {
  throw new RangeError(`--requests must be a whole number from 100, not ${values.requests}.`)
}

const interrupted = new AbortController()
// npm passes the signal on that the terminal has sent as well: the second one must not end the demo before it has cleaned up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())

try {
  const report = await withServices((services) => measure(requests, services, interrupted.signal))
  console.log(`\n${tableOf(report)}\n\n${conclude(report)}\n`)
  if (values.json) console.log(JSON.stringify(report))
  if (!isClean(report)) process.exitCode = 1
} catch (error) {
  if (!interrupted.signal.aborted) throw error
  console.error('Interrupted.')
  process.exitCode = 130
}
