import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Report } from './inside/configuration.ts'
import { readLines } from './lines.ts'
import { type Logs, requestOf } from './logs.ts'

/** How the environment's process ended. */
export interface EnvironmentExit {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** The same in words. */
  readonly reason: string
}

// The environment runs the same layout as this file: TypeScript sources here, compiled JavaScript in dist.
const preload = new URL(`./inside/preload.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href

const lastLinesBound = 500

/** The operating-system process in which the runtime client runs. */
export class EnvironmentProcess {
  readonly exited: Promise<EnvironmentExit>
  onReport: (report: Report) => void = () => {}
  readonly #child: ChildProcess

  constructor(nodePath: string, client: string, cwd: string, env: NodeJS.ProcessEnv, logs: Logs) {
    // A group of its own: Ctrl-C in the terminal reaches the caller alone, and what the handler has spawned ends with the group.
    this.#child = spawn(nodePath, [`--import=${preload}`, client], {
      cwd,
      env,
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const { stdout, stderr } = this.#child
    if (stdout)
      readLines(stdout, (text) => logs.add({ requestId: requestOf(text), worker: undefined, source: 'stdout', text }))
    if (stderr)
      readLines(stderr, (text) => logs.add({ requestId: requestOf(text), worker: undefined, source: 'stderr', text }))
    this.#child.on('message', (message) => this.onReport(message as Report))
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        if (this.#child.pid !== undefined) return
        resolve({ exitCode: null, signal: null, reason: error.message })
      })
      this.#child.once('exit', (exitCode, signal) => {
        this.#signalGroup('SIGKILL')
        const reason =
          signal === null ? `the process ended with exit code ${exitCode}` : `the process was ended by ${signal}`
        void this.#drained().then(() => resolve({ exitCode, signal, reason }))
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal)
  }

  /** Ends the process: SIGTERM, and SIGKILL to its whole group after the bound. */
  async end(bound: number): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#signalGroup('SIGKILL'), bound)
    try {
      await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits for the last lines and reports; a process that left the group may hold our pipes open for ever. */
  async #drained(): Promise<void> {
    const signal = AbortSignal.timeout(lastLinesBound)
    const closed = [once(this.#child, 'close', { signal })]
    if (this.#child.connected) closed.push(once(this.#child, 'disconnect', { signal }))
    await Promise.allSettled(closed)
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  #signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, signal)
    } catch {
      // The group is empty.
    }
  }
}
