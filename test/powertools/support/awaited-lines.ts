import type { LogLine } from 'middy-managed-instances/local'

/** Collects lines of a runtime: what a worker writes to stdout may arrive after the answer of the request that wrote it. */
export const awaitLines = (count: number, mark: string) => {
  const arrived = Promise.withResolvers<readonly LogLine[]>()
  const lines: LogLine[] = []
  return {
    onLog: (line: LogLine): void => {
      if (!line.text.includes(mark)) return
      lines.push(line)
      if (lines.length === count) arrived.resolve(lines)
    },
    arrived: arrived.promise,
  }
}
