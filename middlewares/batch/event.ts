import { unexpectedEvent } from './errors.ts'
import type { Kind, RawRecord } from './kinds.ts'

/** An event whose records can all be reported. */
export interface BatchEvent {
  readonly Records: RawRecord[]
}

/** What stands against a record being one of this kind; a failed one without an id could not be reported, and would be lost. */
const problemOf = (
  { type, eventSource, idField, idOf }: Kind,
  record: RawRecord | null,
): [string, unknown] | undefined => {
  if (typeof record !== 'object' || record === null) return ['every record must be an object', record]
  const { eventSource: source = eventSource, eventSourceARN } = record
  if (source !== eventSource) return [`every record must have the eventSource '${eventSource}'`, source]
  if (type === 'sqs' && typeof eventSourceARN === 'string' && eventSourceARN.endsWith('.fifo'))
    return ["the order of a FIFO queue is kept by type 'sqsFifo' alone", eventSourceARN]
  const id = idOf(record)
  if (typeof id !== 'string' || id === '') return [`every record must have a ${idField} to be reported by`, id]
  return undefined
}

/** Returns the event if it is one of this kind. @throws UnexpectedBatchTypeError of Powertools, before any record is processed. */
export const checkEvent = (kind: Kind, event: unknown): BatchEvent => {
  const records = (event as { readonly Records?: unknown } | null | undefined)?.Records
  if (!Array.isArray(records)) throw unexpectedEvent(kind.type, 'the event must have an array of Records', event)
  for (const record of records) {
    const problem = problemOf(kind, record)
    if (problem !== undefined) throw unexpectedEvent(kind.type, ...problem)
  }
  return event as BatchEvent
}
