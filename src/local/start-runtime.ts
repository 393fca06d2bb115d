import { mkdtempSync, realpathSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Dispatcher } from './dispatcher.ts'
import { EnvironmentProcess } from './environment-process.ts'
import { findHandler, type HandlerFile } from './handler-file.ts'
import { Initialization } from './initialization.ts'
import type { Configuration } from './inside/configuration.ts'
import { LogReceiver } from './log-receiver.ts'
import { Logs } from './logs.ts'
import { type ResolvedOptions, type RuntimeOptions, resolveOptions } from './options.ts'
import { RunningRuntime } from './running-runtime.ts'
import type { LocalRuntime } from './runtime.ts'
import { RuntimeApi } from './runtime-api.ts'
import { findRuntimeClient } from './runtime-client.ts'
import { Statistics } from './statistics.ts'
import { environmentVariables } from './variables.ts'

const host = '127.0.0.1'

/**
 * Starts a handler on AWS's own runtime client, as Lambda Managed Instances do: worker threads in a process of its own, many invocations
 * at once in each. Resolves when every worker waits for an event.
 *
 * @throws {TypeError} when an option is unknown or of the wrong type or range
 * @throws {RuntimeClientMissingError} when `aws-lambda-ric` is not installed
 * @throws {HandlerFileMissingError} when the handler's file does not exist
 * @throws {HandlerExportMissingError} when the export is missing or not a function
 * @throws {CallbackHandlerError} when the handler takes a callback
 * @throws {InitError} when the module throws or a worker ends while it loads
 * @throws {InitTimeoutError} when the workers are not ready within `initTimeout`
 * @throws {ProcessFailedError} when `nodePath` cannot run the environment
 * @throws the reason of `options.signal` when it aborts first
 *
 * @example
 * ```ts
 * import { startRuntime } from 'middy-managed-instances/local'
 *
 * const runtime = await startRuntime({ handler: 'examples/orders.handler', workers: 4, timeout: 3000 })
 * const result = await runtime.invoke({ key: 'orders.csv' })
 * if (result.status === 'ok') console.log(result.payload)
 * await runtime.stop()
 * ```
 */
export async function startRuntime(options: RuntimeOptions): Promise<LocalRuntime> {
  const resolved = resolveOptions(options)
  resolved.signal?.throwIfAborted()
  const client = findRuntimeClient(resolved.cwd)
  const handler = findHandler(resolved.handler, resolved.cwd)
  const sharedTmp = resolved.env['TMPDIR'] ?? tmpdir()
  const tmp = resolved.privateTmp ? mkdtempSync(path.join(realpathSync(sharedTmp), 'lmi-')) : undefined
  const logs = new Logs(resolved.maxLogBytes, resolved.onLog)
  const statistics = new Statistics(resolved.workers)
  const dispatcher = new Dispatcher(resolved.concurrency, statistics)
  const initialization = new Initialization(resolved, handler, logs)
  const api = new RuntimeApi(dispatcher, initialization.ready, initialization.failed)
  const receiver = new LogReceiver(logs)

  async function release(): Promise<void> {
    api.close()
    receiver.close()
    if (tmp !== undefined) await rm(tmp, { recursive: true, force: true, maxRetries: 3 })
  }

  try {
    const configuration: Configuration = {
      client: pathToFileURL(client).href,
      host,
      port: await api.listen(host),
      logPort: await receiver.listen(host),
      redirect: handler.redirect,
      directories: tmp === undefined ? [] : [tmp],
    }
    const environment = spawnEnvironment(resolved, handler, client, configuration, tmp, logs)
    const runtime = new RunningRuntime({
      options: resolved,
      environment,
      api,
      dispatcher,
      statistics,
      logs,
      tmp: tmp ?? sharedTmp,
      release,
    })
    environment.onReport = (report) => {
      initialization.report(report)
      runtime.report(report)
    }
    void environment.exited.then((exit) => initialization.exited(exit))
    try {
      await initialization.done
    } catch (error) {
      await runtime.stop()
      throw error
    }
    return runtime
  } catch (error) {
    await release()
    throw error
  }
}

function spawnEnvironment(
  options: ResolvedOptions,
  handler: HandlerFile,
  client: string,
  configuration: Configuration,
  tmp: string | undefined,
  logs: Logs,
): EnvironmentProcess {
  const env = environmentVariables(options, handler, configuration, tmp)
  return new EnvironmentProcess(options.nodePath, client, options.cwd, env, logs)
}
