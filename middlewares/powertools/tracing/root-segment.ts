import { randomBytes } from 'node:crypto'
import { readTraceHeader } from './trace-header.ts'

/** As much as we know of a segment of the X-Ray SDK. */
export interface Segment {
  id: string
  /** Open children, all levels deep. */
  counter: number
  addFaultFlag(): void
  flush(): void
}

/** The segment that stands for what Lambda itself records: the SDK has one for the whole process. */
export interface Facade extends Segment {
  readonly facade: true
  isClosed(): boolean
  addNewSubsegment(name: string): Segment
  resolveLambdaTraceData(): void
}

interface Root extends Omit<Facade, 'facade'> {
  trace_id: string
  notTraced: true | undefined
  noOp: true | undefined
  additionalTraceData: Readonly<Record<string, string>> | undefined
}

/** What the SDK itself gives a segment without a trace. */
const noTrace = { trace_id: '1-00000000-000000000000000000000000', id: '00000000' }

/** Makes the root segments of requests: as the SDK's facade in everything but the trace, which is the request's own for good. */
export const rootSegments = (facade: Facade): ((traceHeader: string | undefined) => Segment) => {
  // Not `facade`: that mark makes the SDK point the segment at whichever trace it reads next.
  const prototype = Object.create(facade, {
    facade: { value: false },
    subsegments: { value: undefined, writable: true },
  })
  return (traceHeader) => {
    const header = readTraceHeader(traceHeader)
    const root = Object.create(prototype) as Root
    root.trace_id = header?.root ?? noTrace.trace_id
    root.id = header === undefined ? noTrace.id : (header.parent ?? randomBytes(8).toString('hex'))
    // Children take both over, and send what is not undefined.
    root.notTraced = header?.sampled ? undefined : true
    root.noOp = header?.passedThrough ? true : undefined
    root.additionalTraceData = header?.rest
    return root
  }
}
