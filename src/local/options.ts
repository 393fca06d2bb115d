import process from 'node:process'
import {
  aBoolean,
  aFunction,
  aSignal,
  bytes,
  checkOptions,
  invalidOption,
  longestTimer,
  type Rules,
  required,
  strings,
  text,
  wholeNumber,
} from '../options.ts'
import type { LogLine } from './logs.ts'

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

const rules: Rules<RuntimeOptions> = {
  handler: required(text),
  workers: wholeNumber(1, 1024),
  concurrency: wholeNumber(1, 1600),
  timeout: wholeNumber(1, longestTimer),
  env: {
    expected: 'an object of strings',
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  nodePath: text,
  cwd: text,
  nodeOptions: strings,
  functionName: text,
  memorySize: wholeNumber(128, 32_768),
  initTimeout: wholeNumber(1, longestTimer),
  stopTimeout: wholeNumber(0, longestTimer),
  privateTmp: aBoolean,
  maxLogBytes: bytes,
  onLog: aFunction,
  signal: aSignal,
}

// These say where the runtime client finds us and the handler; each with what sets it.
const reservedVariables: Readonly<Record<string, string>> = {
  AWS_LAMBDA_RUNTIME_API: 'startRuntime()',
  AWS_LAMBDA_NODEJS_WORKER_COUNT: 'the option "workers"',
  LAMBDA_TASK_ROOT: 'the option "cwd"',
  _HANDLER: 'the option "handler"',
}

const factory = 'startRuntime()'

export function resolveOptions(options: RuntimeOptions): ResolvedOptions {
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
  } = checkOptions(factory, rules, options)
  checkVariables(env)
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

function checkVariables(env: NonNullable<RuntimeOptions['env']>): void {
  for (const [name, value] of Object.entries(env)) {
    const option = `env.${name}`
    const setBy = reservedVariables[name]
    if (setBy !== undefined) throw invalidOption(factory, option, `absent: ${setBy} sets it`, value)
    if (value !== undefined && typeof value !== 'string')
      throw invalidOption(factory, option, 'a string or undefined', value)
  }
}
