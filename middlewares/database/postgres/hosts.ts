import type { DriverOptions } from './driver-options.ts'

/** Where a server may be. */
export interface Host {
  readonly host: string | undefined
  readonly port: number | undefined
}

/** The hosts of a configuration, in the order in which a new connection tries them. */
export class Hosts {
  readonly #all: readonly Host[]
  #first = 0

  constructor({ host, port }: DriverOptions) {
    this.#all = host.map((name, index) => ({ host: name, port: port[index] }))
  }

  get inOrder(): Host[] {
    return [...this.#all.slice(this.#first), ...this.#all.slice(0, this.#first)]
  }

  /** Has the next connection begin with another one, if nobody has: this one accepts connections, and then fails them. */
  skip(host: Host | undefined): void {
    if (this.#all[this.#first] === host) this.#first = (this.#first + 1) % this.#all.length
  }
}
