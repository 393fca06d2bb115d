import type { Readable } from 'node:stream'

/** Calls back with each line of a stream of UTF-8 text, and with an unfinished one at its end. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream.once('close', () => {
    if (rest !== '') onLine(rest)
  })
  // A connection that breaks with the environment ends its lines as a clean one does.
  stream.on('error', () => {})
}
