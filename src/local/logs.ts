/** One line the environment wrote. */
export interface LogLine {
  /** The request it belongs to, or `-`. */
  readonly requestId: string
  /** The worker that wrote it with `console`; `undefined` for the process's own stdout and stderr. */
  readonly worker: number | undefined
  /** Where it came from. */
  readonly source: 'console' | 'stdout' | 'stderr'
  /** The line without its end. `console` writes JSON, as on Lambda with the log format JSON. */
  readonly text: string
}

export const noRequest = '-'

/** The newest lines within a bound of bytes, by request and in order of arrival. */
export class Logs {
  readonly #maxBytes: number
  readonly #onLog: ((line: LogLine) => void) | undefined
  readonly #byRequest = new Map<string, LogLine[]>()
  #lines: LogLine[] = []
  #oldest = 0
  #bytes = 0

  constructor(maxBytes: number, onLog?: (line: LogLine) => void) {
    this.#maxBytes = maxBytes
    this.#onLog = onLog
  }

  add(line: LogLine): void {
    const ofRequest = this.#byRequest.get(line.requestId)
    if (ofRequest) ofRequest.push(line)
    else this.#byRequest.set(line.requestId, [line])
    this.#lines.push(line)
    this.#bytes += line.text.length
    while (this.#bytes > this.#maxBytes) this.#dropOldest()
    this.#onLog?.(line)
  }

  read(requestId?: string): string[] {
    const lines = requestId === undefined ? this.#lines.slice(this.#oldest) : (this.#byRequest.get(requestId) ?? [])
    return lines.map((line) => line.text)
  }

  #dropOldest(): void {
    const line = this.#lines[this.#oldest] as LogLine
    this.#oldest += 1
    this.#bytes -= line.text.length
    const ofRequest = this.#byRequest.get(line.requestId) as LogLine[]
    ofRequest.shift()
    if (ofRequest.length === 0) this.#byRequest.delete(line.requestId)
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#oldest)
      this.#oldest = 0
    }
  }
}

/** The request a line of JSON names: the runtime client's field, or Powertools' one. */
export function requestOf(text: string): string {
  if (!text.startsWith('{')) return noRequest
  return /"(?:requestId|function_request_id)":"([^"]+)"/.exec(text)?.[1] ?? noRequest
}
