import type { Document } from './trace-receiver.ts'

/** What has arrived of the segments. */
export interface TraceFigures {
  /** Requests whose handler's segment arrived, under the request's own trace and parent. */
  readonly received: number
  /** Requests that were traced. */
  readonly expected: number
  /** Segments and subsegments under a trace or a parent that is not theirs. */
  readonly wrong: number
}

interface Trace {
  readonly parent: string
  readonly file: string | undefined
}

/** The traces of a run's requests, each with what must be found under it. */
export class Traces {
  readonly #traces = new Map<string, Trace>()

  /** Opens the trace of a request and returns its header; `file` is what the request is about. */
  open(file: string | undefined): string {
    const number = this.#traces.size + 1
    const root = `1-5759e988-${number.toString(16).padStart(24, '0')}`
    const parent = number.toString(16).padStart(16, '0')
    this.#traces.set(root, { parent, file })
    return `Root=${root};Parent=${parent};Sampled=1`
  }

  /** Compares what has arrived with what was opened. */
  check(documents: readonly Document[]): TraceFigures {
    const handlers = new Map<string, Document>()
    for (const document of documents) if (this.#isHandlerOf(document)) handlers.set(document.trace_id, document)
    const segments = new Map(documents.map((document) => [document.id, document]))
    const isRight = (document: Document): boolean => {
      const handler = handlers.get(document.trace_id)
      // What hangs under a datagram that was lost can't be told from what is right.
      if (handler === undefined) return this.#traces.has(document.trace_id) && !isHandler(document)
      return document === handler || segments.get(document.parent_id)?.trace_id === document.trace_id
    }
    return {
      received: handlers.size,
      expected: this.#traces.size,
      wrong: documents.filter((document) => !isRight(document)).length,
    }
  }

  #isHandlerOf(document: Document): boolean {
    const trace = this.#traces.get(document.trace_id)
    if (trace === undefined || !isHandler(document)) return false
    // A request that did not come as far as its handler names no file.
    const { file = trace.file } = document.annotations ?? {}
    return document.parent_id === trace.parent && file === trace.file
  }
}

const isHandler = ({ name }: Document): boolean => name.startsWith('## ')
