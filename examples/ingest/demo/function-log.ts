import type { LogLine } from 'middy-managed-instances/local'

/** The metrics of requests, as CloudWatch would find them in the log. */
export interface MetricFigures {
  /** Requests with exactly one blob of their own. */
  readonly requests: number
  /** Requests that came as far as their handler. */
  readonly expected: number
  readonly blobs: number
}

/** A blob of metrics, in the embedded metric format. */
interface Blob {
  readonly file?: string
  readonly files?: number
}

/** Takes out of what a function logs what the demo counts. */
export class FunctionLog {
  readonly #blobs: Blob[] = []
  /** Transactions that a failed request left open, and its lease rolled back. */
  rolledBack = 0
  /** Everything else that a request left behind on its database client. */
  leaks = 0

  /** Takes one line. */
  readonly add = ({ text }: LogLine): void => {
    if (text.includes('"_aws"')) this.#blobs.push(JSON.parse(text))
    else if (text.includes('LEASE_LEAK')) this.#addLeak(text)
  }

  /** Compares the blobs with the files that the handler was run for. */
  metrics(files: ReadonlySet<string>): MetricFigures {
    const seen = new Map<string, number>()
    for (const { file, files: count } of this.#blobs)
      if (file !== undefined && count === 1) seen.set(file, (seen.get(file) ?? 0) + 1)
    const own = [...files].filter((file) => seen.get(file) === 1)
    return { requests: own.length, expected: files.size, blobs: this.#blobs.length }
  }

  #addLeak(text: string): void {
    const hasFailed = /"outcome\\*":\\*"(?:threw|timedOut)/.test(text)
    if (hasFailed && text.includes('rolledBack')) this.rolledBack++
    else this.leaks++
  }
}
