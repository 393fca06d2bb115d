import { parseArgs } from 'node:util'
import type { RuntimeOptions } from '../options.ts'
import { UsageError } from './usage-error.ts'

const runtimeFlags = {
  workers: { type: 'string' },
  concurrency: { type: 'string' },
  timeout: { type: 'string' },
  'init-timeout': { type: 'string' },
  env: { type: 'string', multiple: true },
  node: { type: 'string' },
  logs: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const runFlags = {
  ...runtimeFlags,
  event: { type: 'string' },
  requests: { type: 'string' },
  'expect-error': { type: 'string', multiple: true },
  root: { type: 'string' },
  settle: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

const serveFlags = {
  ...runtimeFlags,
  port: { type: 'string' },
  host: { type: 'string' },
} as const

interface Common {
  readonly runtime: RuntimeOptions
  readonly logs: boolean
}

export interface RunArguments extends Common {
  readonly eventFile: string | undefined
  readonly requests: number
  readonly expectedErrors: readonly string[]
  readonly root: string | undefined
  readonly settle: number
  readonly json: boolean
}

export interface ServeArguments extends Common {
  readonly port: number
  readonly host: string
}

/** The arguments of `lmi run`; `undefined` when it asks for help. */
export function parseRun(words: readonly string[]): RunArguments | undefined {
  const { values, positionals } = parse('run', () =>
    parseArgs({ args: [...words], options: runFlags, allowPositionals: true }),
  )
  if (values.help) return undefined
  return {
    runtime: runtimeOptions('run', positionals, values),
    logs: values.logs,
    eventFile: values.event,
    requests: integer('run', 'requests', values.requests) ?? 1000,
    expectedErrors: values['expect-error'] ?? [],
    root: values.root,
    settle: integer('run', 'settle', values.settle) ?? 5000,
    json: values.json,
  }
}

/** The arguments of `lmi serve`; `undefined` when it asks for help. */
export function parseServe(words: readonly string[]): ServeArguments | undefined {
  const { values, positionals } = parse('serve', () =>
    parseArgs({ args: [...words], options: serveFlags, allowPositionals: true }),
  )
  if (values.help) return undefined
  return {
    runtime: runtimeOptions('serve', positionals, values),
    logs: values.logs,
    port: integer('serve', 'port', values.port) ?? 9000,
    host: values.host ?? '127.0.0.1',
  }
}

function parse<T>(command: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new UsageError(command, (cause as Error).message, { cause })
  }
}

interface RuntimeValues {
  readonly workers?: string | undefined
  readonly concurrency?: string | undefined
  readonly timeout?: string | undefined
  readonly 'init-timeout'?: string | undefined
  readonly env?: readonly string[] | undefined
  readonly node?: string | undefined
}

function runtimeOptions(command: string, positionals: readonly string[], values: RuntimeValues): RuntimeOptions {
  const [handler, ...more] = positionals
  if (handler === undefined) throw new UsageError(command, 'FILE.handler is missing')
  if (more.length > 0) throw new UsageError(command, `one handler is expected, received ${positionals.join(' ')}`)
  const workers = integer(command, 'workers', values.workers)
  const concurrency = integer(command, 'concurrency', values.concurrency)
  const timeout = integer(command, 'timeout', values.timeout)
  const initTimeout = integer(command, 'init-timeout', values['init-timeout'])
  return {
    handler,
    env: environment(command, values.env ?? []),
    ...(workers !== undefined && { workers }),
    ...(concurrency !== undefined && { concurrency }),
    ...(timeout !== undefined && { timeout }),
    ...(initTimeout !== undefined && { initTimeout }),
    ...(values.node !== undefined && { nodePath: values.node }),
  }
}

function integer(command: string, flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(command, `--${flag} must be a whole number, received "${text}"`)
  return Number(text)
}

function environment(command: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
      if (name === undefined || value === undefined) {
        throw new UsageError(command, `--env must be NAME=VALUE, received "${pair}"`)
      }
      return [name, value]
    }),
  )
}
