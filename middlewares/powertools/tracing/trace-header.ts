/** What a trace header says, as the X-Ray SDK keeps it. */
export interface TraceHeader {
  readonly root: string
  readonly parent: string | undefined
  readonly sampled: boolean
  /** Whether the function only passes the trace on, and records nothing of its own. */
  readonly passedThrough: boolean
  /** Fields that are passed on to whoever is called. */
  readonly rest: Readonly<Record<string, string>> | undefined
}

const traceId = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/i

/** Reads `Root=...;Parent=...;Sampled=...`; nothing if it names no trace. */
export const readTraceHeader = (header: string | undefined): TraceHeader | undefined => {
  if (header === undefined) return undefined
  let root: string | undefined
  let parent: string | undefined
  let sampled: string | undefined
  let rest: Record<string, string> | undefined
  for (const field of header.split(';')) {
    const split = field.indexOf('=')
    const name = field.slice(0, split).trim()
    const value = field.slice(split + 1).trim()
    if (split < 1 || value === '') continue
    switch (name.toLowerCase()) {
      case 'root':
        root = value
        break
      case 'parent':
        parent = value
        break
      case 'sampled':
        sampled = value
        break
      case 'self':
        break
      default:
        rest ??= {}
        rest[name] = value
    }
  }
  if (root === undefined || !traceId.test(root)) return undefined
  return {
    root,
    parent,
    sampled: sampled === '1',
    passedThrough: parent === undefined && sampled === undefined,
    rest,
  }
}
