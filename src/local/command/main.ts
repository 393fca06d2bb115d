import { readFileSync } from 'node:fs'
import { LocalRuntimeError } from '../errors.ts'
import { parseRun, parseServe } from './arguments.ts'
import { help } from './help.ts'
import { Interruption } from './interruption.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'
import { UsageError } from './usage-error.ts'

/** Runs the command and sets the exit code: 0, 1 for a failure, 2 for a wrong call, 130 and 143 after a signal. */
export async function main(words: readonly string[]): Promise<void> {
  // Who reads may leave before the end (`lmi run ... | head`): what we have started is ended all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  try {
    process.exitCode = await dispatch(words)
  } catch (error) {
    process.exitCode = explain(error)
  }
}

async function dispatch([command, ...words]: readonly string[]): Promise<number> {
  switch (command) {
    case 'run': {
      const parsed = parseRun(words)
      return parsed === undefined ? print(help['run']) : run(parsed)
    }
    case 'serve': {
      const parsed = parseServe(words)
      return parsed === undefined ? print(help['serve']) : serve(parsed)
    }
    case '--help':
    case '-h':
    case 'help':
      return print(help['lmi'])
    case '--version':
    case '-v':
      return print(`${version()}\n`)
    case undefined:
      throw new UsageError('', 'a command is missing: run or serve')
    default:
      throw new UsageError('', `unknown ${command.startsWith('-') ? 'option' : 'command'} "${command}"`)
  }
}

function print(text = ''): number {
  process.stdout.write(text)
  return 0
}

function explain(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode
  if (error instanceof UsageError || error instanceof TypeError) {
    const command = error instanceof UsageError && error.command !== '' ? `lmi ${error.command}` : 'lmi'
    process.stderr.write(`${command}: ${error.message}\nSee ${command} --help.\n`)
    return 2
  }
  process.stderr.write(`lmi: ${error instanceof LocalRuntimeError ? error.message : describe(error)}\n`)
  return 1
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function version(): string {
  // Sources stand two folders below the package's manifest, and compiled files three.
  for (const manifest of ['../../../package.json', '../../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(manifest, import.meta.url), 'utf8')) as { version: string }).version
    } catch {
      // The other layout, then.
    }
  }
  return 'unknown'
}
