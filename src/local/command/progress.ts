import type { LocalRuntime } from '../runtime.ts'

const terminalInterval = 100
const plainInterval = 1000

/** Shows how far a run is, on stderr: one changing line on a terminal, a line a second elsewhere. Returns how to end it. */
export function showProgress(runtime: LocalRuntime, requests: number): () => void {
  const terminal = process.stderr.isTTY === true
  const started = performance.now()

  function show(): void {
    const { answers } = runtime.stats()
    const done = answers.ok + answers['function-error'] + answers.timeout + answers.unanswered
    const perSecond = Math.round(done / ((performance.now() - started) / 1000))
    const line = `${count(done)} of ${count(requests)} requests, ${count(perSecond)}/s, ${runtime.inFlight} in flight`
    process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`)
  }

  const timer = setInterval(show, terminal ? terminalInterval : plainInterval)
  return () => {
    clearInterval(timer)
    if (terminal) process.stderr.write('\r\x1b[K')
  }
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}
