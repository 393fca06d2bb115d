import { parentPort, Worker } from 'node:worker_threads'

/**
 * A worker thread that measures on demand. Each contestant has one of its own, as each handler has on Lambda: within one
 * isolate, the first to run would shape the compiled code of all.
 */
export class Isolate<Task, Result> {
  readonly #worker: Worker
  readonly #died: Promise<never>

  /** @param file - a module that calls {@link serve}. */
  constructor(file: URL, data?: unknown) {
    this.#worker = new Worker(file, { workerData: data })
    this.#died = new Promise((_, reject) => this.#worker.once('error', reject))
    this.#died.catch(() => {})
  }

  measure(task: Task): Promise<Result> {
    const answered = new Promise<Result>((resolve) => this.#worker.once('message', resolve))
    this.#worker.postMessage(task)
    return Promise.race([answered, this.#died])
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** The other end, in the worker thread. What `measure` throws ends the thread and fails the measurement. */
export const serve = <Task, Result>(measure: (task: Task) => Promise<Result>): void => {
  parentPort?.on('message', async (task: Task) => {
    parentPort?.postMessage(await measure(task))
  })
}
