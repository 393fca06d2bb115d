/** A member of at most one list: it carries its own links, so that joining and leaving allocate nothing. */
export interface Linked<T extends Linked<T>> {
  list: LinkedList<T> | undefined
  previous: T | undefined
  next: T | undefined
}

/** An intrusive doubly linked list: append, insert and remove take constant time and no memory. */
export class LinkedList<T extends Linked<T>> {
  head: T | undefined
  tail: T | undefined

  append(entry: T): void {
    this.insertAfter(this.tail, entry)
  }

  /** Puts `entry` behind `before`, or first if there is no `before`. */
  insertAfter(before: T | undefined, entry: T): void {
    const next = before === undefined ? this.head : before.next
    entry.list = this
    entry.previous = before
    entry.next = next
    if (before === undefined) this.head = entry
    else before.next = entry
    if (next === undefined) this.tail = entry
    else next.previous = entry
  }

  remove(entry: T): void {
    const { previous, next } = entry
    if (previous === undefined) this.head = next
    else previous.next = next
    if (next === undefined) this.tail = previous
    else next.previous = previous
    entry.list = undefined
    entry.previous = undefined
    entry.next = undefined
  }

  *[Symbol.iterator](): Generator<T> {
    for (let entry = this.head; entry !== undefined; entry = entry.next) yield entry
  }
}
