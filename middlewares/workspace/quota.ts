import { WorkspaceFullError } from './errors.ts'

/** How many bytes a workspace's files have, as far as they were written through it, and how many they may have. */
export class Quota {
  readonly #maxBytes: number
  readonly #files = new Map<string, number>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Notes the length a file is about to have and returns the one it had.
   *
   * @throws {@link WorkspaceFullError} if that is too much; then nothing is noted.
   */
  resize(file: string, bytes: number): number {
    const before = this.#files.get(file) ?? 0
    const found = this.#bytes - before + bytes
    if (found > this.#maxBytes) throw new WorkspaceFullError({ limit: 'maxBytes', allowed: this.#maxBytes, found })
    this.#files.set(file, bytes)
    this.#bytes = found
    return before
  }
}
