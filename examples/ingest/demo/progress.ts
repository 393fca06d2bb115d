import type { Verdict } from './verdict.ts'

const barWidth = 24

/** Tells a person how far a run is: one line that is rewritten on a terminal, else a line a second. */
export class Progress {
  readonly #name: string
  readonly #total: number
  readonly #stream: NodeJS.WriteStream
  readonly #timer: NodeJS.Timeout
  #phase = ''
  #done = 0
  #wrong = 0

  constructor(name: string, total: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#name = name
    this.#total = total
    this.#stream = stream
    this.#timer = setInterval(() => this.#write(), stream.isTTY ? 100 : 1000)
  }

  /** What is being done, when it is not counting answers. */
  phase(name: string): void {
    this.#phase = name
  }

  add(verdict: Verdict): void {
    this.#done++
    if (verdict !== 'right') this.#wrong++
  }

  end(): void {
    clearInterval(this.#timer)
    this.#phase = ''
    this.#write()
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  #write(): void {
    const filled = Math.round((this.#done / this.#total) * barWidth)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`
    const line = `${this.#name}  ${bar}  ${this.#done} of ${this.#total} answered, ${this.#wrong} wrong  ${this.#phase}`
    this.#stream.write(this.#stream.isTTY ? `\r${line}\x1b[K` : `${line.trimEnd()}\n`)
  }
}
