import path from 'node:path'
import type { LocalRuntime } from '../runtime.ts'
import { startRuntime } from '../start-runtime.ts'
import type { RunArguments } from './arguments.ts'
import { readEvents } from './events.ts'
import { watchInterruptions } from './interruption.ts'
import { listLeftovers, settleLeftovers } from './leftovers.ts'
import { printLog } from './print-log.ts'
import { showProgress } from './progress.ts'
import { createReport, formatReport, type RunReport } from './report.ts'

const workspaceFolder = 'middy-managed-instances'

/** Drives a handler and reports; the exit code is 1 when something went wrong. */
export async function run(parsed: RunArguments): Promise<number> {
  const events = readEvents(parsed.eventFile, parsed.requests)
  let runtime: LocalRuntime | undefined
  const interruptions = watchInterruptions()
  try {
    runtime = await startRuntime({
      ...parsed.runtime,
      privateTmp: true,
      signal: interruptions.signal,
      ...(parsed.logs && { onLog: printLog }),
    })
    const report = await drive(runtime, parsed, events, interruptions.signal)
    process.stdout.write(parsed.json ? `${JSON.stringify(report)}\n` : formatReport(report))
    return report.failures.length === 0 ? 0 : 1
  } finally {
    await runtime?.stop()
    interruptions.dispose()
  }
}

async function drive(
  runtime: LocalRuntime,
  parsed: RunArguments,
  events: readonly unknown[],
  signal: AbortSignal,
): Promise<RunReport> {
  const root = path.resolve(parsed.root ?? path.join(runtime.tmp, workspaceFolder))
  const known = listLeftovers(root)
  const endProgress = showProgress(runtime, parsed.requests)
  try {
    const results = await runtime.burst(events, { signal })
    const leftovers = await settleLeftovers(root, known, parsed.settle, signal)
    const { handler } = parsed.runtime
    return createReport({
      handler,
      stats: runtime.stats(),
      results,
      expectedErrors: parsed.expectedErrors,
      root,
      leftovers,
    })
  } finally {
    endProgress()
  }
}
