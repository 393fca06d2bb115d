/** Hands out the records of a batch by their index: in the batch's order, and of a group one at a time. */
export class RecordQueue {
  /** The last one first. */
  readonly #ready: number[] = []
  readonly #next: (number | undefined)[] = []

  /** @param groups - the group of each record, or `undefined` for one that waits for no other. */
  constructor(groups: readonly (string | undefined)[]) {
    const ends = new Map<string, number>()
    for (const [index, group] of groups.entries()) {
      const end = group === undefined ? undefined : ends.get(group)
      if (end === undefined) this.#ready.push(index)
      else this.#next[end] = index
      if (group !== undefined) ends.set(group, index)
    }
    this.#ready.reverse()
  }

  /** The first record that none of its group is running or waiting before; `undefined` if there is none now. */
  take(): number | undefined {
    return this.#ready.pop()
  }

  /** Lets the next record of the group have its turn. */
  done(index: number): void {
    const next = this.#next[index]
    if (next === undefined) return
    const place = this.#ready.findLastIndex((other) => other > next) + 1
    this.#ready.splice(place, 0, next)
  }

  /** What comes after a record in its group. */
  *after(index: number): Generator<number> {
    for (let next = this.#next[index]; next !== undefined; next = this.#next[next]) yield next
  }
}
