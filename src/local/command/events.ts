import { readFileSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

/** The events of a file, as many as wanted: the items of an array in turn, anything else again and again. */
export function readEvents(file: string | undefined, requests: number): unknown[] {
  const content = file === undefined ? {} : parse(file)
  const events = Array.isArray(content) ? content : [content]
  if (events.length === 0)
    throw new UsageError('run', `--event must hold at least one event, received an empty array in ${file}`)
  return Array.from({ length: requests }, (_, index) => events[index % events.length])
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new UsageError('run', `--event must be a file of JSON, received ${file}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
