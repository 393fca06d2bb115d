import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a fixture writes, in a process of its own. Rejects if that fails, or does not end within ten seconds. */
export const outputOf = async (name: string, ...values: string[]): Promise<string> => {
  const script = join(import.meta.dirname, '../fixtures', name)
  const options = ['--no-warnings', '--conditions=middy-managed-instances/source']
  // A frozen process heeds no other signal.
  const bound = { timeout: 10_000, killSignal: 'SIGKILL' } as const
  return (await run(process.execPath, [...options, script, ...values], bound)).stdout
}
