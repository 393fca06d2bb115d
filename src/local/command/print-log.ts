import type { LogLine } from '../logs.ts'

/** Shows a line of the function on stderr, with the worker that wrote it. */
export function printLog({ worker, source, text }: LogLine): void {
  process.stderr.write(`${worker === undefined ? source : `worker ${worker}`}  ${text}\n`)
}
