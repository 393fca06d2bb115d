import { once } from 'node:events'
import type { LocalRuntime } from '../runtime.ts'
import { type LambdaEndpoint, serveRuntime } from '../serve/serve-runtime.ts'
import { startRuntime } from '../start-runtime.ts'
import type { ServeArguments } from './arguments.ts'
import { type Interruption, watchInterruptions } from './interruption.ts'
import { printLog } from './print-log.ts'

/** Serves a handler until a signal, or until its environment has ended. */
export async function serve(parsed: ServeArguments): Promise<number> {
  let runtime: LocalRuntime | undefined
  let endpoint: LambdaEndpoint | undefined
  const interruptions = watchInterruptions()
  try {
    runtime = await startRuntime({
      ...parsed.runtime,
      signal: interruptions.signal,
      ...(parsed.logs && { onLog: printLog }),
    })
    endpoint = await serveRuntime(runtime, { port: parsed.port, host: parsed.host })
    process.stdout.write(`${parsed.runtime.handler} answers Lambda's Invoke API at ${endpoint.url}. Ctrl-C ends it.\n`)
    const ended = await Promise.race([once(interruptions.signal, 'abort').then(() => undefined), runtime.exited])
    if (ended === undefined) return (interruptions.signal.reason as Interruption).exitCode
    const died = runtime.stats().workers.flatMap(({ diedOf }) => diedOf ?? [])
    process.stderr.write(`lmi: the environment has ended: ${[ended.reason, ...died].join('; ')}\n`)
    return 1
  } finally {
    await endpoint?.close()
    await runtime?.stop()
    interruptions.dispose()
  }
}
