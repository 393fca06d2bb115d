import { EventEmitter } from 'node:events'

const ignore = (): void => {}

/** Keeps the failure of a query from ending the worker if nobody hears of it. Whoever awaits it is told all the same. */
export const silence = (query: unknown): void => {
  if (query instanceof Promise) query.catch(ignore)
  else if (query instanceof EventEmitter) query.on('error', ignore)
}

/** The queries of one connection that have not ended, each as node-postgres returned it. */
export class RunningQueries {
  /** Mostly the only one, which needs no list. */
  #first: unknown
  #others: unknown[] | undefined

  /** @param most - how many there may be: where one always waits behind another, nothing says that all have ended. */
  add(query: unknown, most: number): void {
    if (this.#first === undefined) this.#first = query
    else {
      this.#others ??= []
      this.#others.push(query)
      if (this.#others.length > most) this.#others.splice(0, this.#others.length - most)
    }
  }

  /** All have ended. */
  clear(): void {
    this.#first = undefined
    this.#others = undefined
  }

  /** They will fail, and nobody may be left to hear of it, or nobody yet. */
  silence(): void {
    silence(this.#first)
    for (const query of this.#others ?? []) silence(query)
  }
}
