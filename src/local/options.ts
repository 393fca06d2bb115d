import process from 'node:process'
import type { LogLine } from './logs.ts'
import {
  allowKeys,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkSignal,
  checkString,
  checkStrings,
  invalid,
} from './validation.ts'

/** What {@link startRuntime} is told. Durations are milliseconds. */
export interface RuntimeOptions {
  /**
   * The handler as `path/to/file.export`: the file relative to `cwd`, with or without its extension (`.js`, `.mjs`, `.cjs`, `.ts`,
   * `.mts`, `.cts`), then a dot and the export, nested names included.
   */
  readonly handler: string
  /** Worker threads of the environment. Default 8, as on one vCPU. */
  readonly workers?: number
  /** Invocations the environment runs at once; more wait their turn. Default 64. */
  readonly concurrency?: number
  /** Time one invocation is given, in milliseconds. Default 30,000. */
  readonly timeout?: number
  /** Variables for the environment, added to this process's own; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The Node.js that runs the environment, 22.15 or later. Default: the one that runs this process. */
  readonly nodePath?: string
  /** The task root and working directory. Default: the working directory of this process. */
  readonly cwd?: string
  /** Flags for Node.js, added to the environment's `NODE_OPTIONS`, for example `['--import', 'middy-managed-instances/preload']`. */
  readonly nodeOptions?: readonly string[]
  /** The function's name. Default `local`. */
  readonly functionName?: string
  /** The function's memory in MiB, as its environment variable and context say; it is not enforced. Default 2048. */
  readonly memorySize?: number
  /** Time in which all workers must be ready, in milliseconds. Default 60,000. */
  readonly initTimeout?: number
  /** Time between SIGTERM and SIGKILL when the runtime is stopped, in milliseconds. Default 2,000. */
  readonly stopTimeout?: number
  /** Gives the environment a `TMPDIR` of its own, removed when it ends. Default `false`. */
  readonly privateTmp?: boolean
  /** Bytes of log lines to keep; the oldest go first. Default 16 MiB. */
  readonly maxLogBytes?: number
  /** Called with each line the environment writes. */
  readonly onLog?: (line: LogLine) => void
  /** Gives up the start when it aborts; without effect once the runtime is ready. */
  readonly signal?: AbortSignal
}

/** The options as they are used: checked, with their defaults. */
export type ResolvedOptions = Required<Omit<RuntimeOptions, 'onLog' | 'signal'>> & {
  readonly onLog: RuntimeOptions['onLog'] | undefined
  readonly signal: AbortSignal | undefined
}

const optionNames: Record<keyof RuntimeOptions, true> = {
  handler: true,
  workers: true,
  concurrency: true,
  timeout: true,
  env: true,
  nodePath: true,
  cwd: true,
  nodeOptions: true,
  functionName: true,
  memorySize: true,
  initTimeout: true,
  stopTimeout: true,
  privateTmp: true,
  maxLogBytes: true,
  onLog: true,
  signal: true,
}

// These say where the runtime client finds us and the handler: options of their own set them.
const reservedVariables: Readonly<Record<string, string>> = {
  AWS_LAMBDA_RUNTIME_API: 'nothing: it is chosen by startRuntime',
  AWS_LAMBDA_NODEJS_WORKER_COUNT: 'the option "workers"',
  LAMBDA_TASK_ROOT: 'the option "cwd"',
  _HANDLER: 'the option "handler"',
}

export const longestTimer: number = 2 ** 31 - 1

export function resolveOptions(options: RuntimeOptions): ResolvedOptions {
  const where = 'startRuntime'
  allowKeys(where, options, optionNames)
  const {
    handler,
    workers = 8,
    concurrency = 64,
    timeout = 30_000,
    env = {},
    nodePath = process.execPath,
    cwd = process.cwd(),
    nodeOptions = [],
    functionName = 'local',
    memorySize = 2048,
    initTimeout = 60_000,
    stopTimeout = 2000,
    privateTmp = false,
    maxLogBytes = 16 * 1024 * 1024,
    onLog,
    signal,
  } = options
  checkString(where, 'handler', handler)
  checkInteger(where, 'workers', workers, 1, 1024)
  checkInteger(where, 'concurrency', concurrency, 1, 1600)
  checkInteger(where, 'timeout', timeout, 1, longestTimer)
  checkEnvironment(where, env)
  checkString(where, 'nodePath', nodePath)
  checkString(where, 'cwd', cwd)
  checkStrings(where, 'nodeOptions', nodeOptions)
  checkString(where, 'functionName', functionName)
  checkInteger(where, 'memorySize', memorySize, 128, 32_768)
  checkInteger(where, 'initTimeout', initTimeout, 1, longestTimer)
  checkInteger(where, 'stopTimeout', stopTimeout, 0, longestTimer)
  checkBoolean(where, 'privateTmp', privateTmp)
  checkInteger(where, 'maxLogBytes', maxLogBytes, 0, Number.MAX_SAFE_INTEGER)
  if (onLog !== undefined) checkFunction(where, 'onLog', onLog)
  checkSignal(where, signal)
  return {
    handler,
    workers,
    concurrency,
    timeout,
    env,
    nodePath,
    cwd,
    nodeOptions,
    functionName,
    memorySize,
    initTimeout,
    stopTimeout,
    privateTmp,
    maxLogBytes,
    onLog,
    signal,
  }
}

function checkEnvironment(where: string, env: unknown): void {
  if (typeof env !== 'object' || env === null || Array.isArray(env))
    throw invalid(where, 'env', 'an object of strings', env)
  for (const [name, value] of Object.entries(env)) {
    const instead = reservedVariables[name]
    if (instead !== undefined) throw invalid(where, `env.${name}`, `${instead}, not a variable of the caller's`, value)
    if (value !== undefined && typeof value !== 'string')
      throw invalid(where, `env.${name}`, 'a string or undefined', value)
  }
}
