import type { CacheClient } from '@aws-lambda-powertools/idempotency/types'

interface Entry {
  readonly value: string
  readonly expires: number
}

/** What the cache layer uses of Redis: `SET` with `EX` and `NX`, `GET` and `DEL`. */
export class MemoryCache implements CacheClient {
  readonly entries: Map<string, Entry> = new Map()

  async get(name: string): Promise<string | null> {
    return this.#read(name)
  }

  async set(name: string, value: unknown, options: { EX?: number; NX?: boolean } = {}): Promise<string | null> {
    if (options.NX && this.#read(name) !== null) return null
    const expires = Date.now() + 1000 * (options.EX ?? Number.POSITIVE_INFINITY)
    this.entries.set(name, { value: String(value), expires })
    return 'OK'
  }

  async del(names: string[]): Promise<number> {
    return names.filter((name) => this.entries.delete(name)).length
  }

  #read(name: string): string | null {
    const entry = this.entries.get(name)
    return entry === undefined || entry.expires <= Date.now() ? null : entry.value
  }
}
