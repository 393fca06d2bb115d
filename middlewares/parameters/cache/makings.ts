import type { AnyTransform } from '../options.ts'
import { type Shareable, share } from './immutable.ts'
import { applyTransform } from './transform.ts'

interface Making {
  raw: unknown
  readonly transform: AnyTransform | undefined
  readonly made: Shareable | Error
}

const isSame = (one: AnyTransform | undefined, other: AnyTransform | undefined): boolean =>
  one === other || (typeof one === 'object' && typeof other === 'object' && one.each === other.each)

/**
 * What transforms have made of what was fetched. It remembers two: the newest, and the last good one before it. A transform
 * that is written anew for each request may know that request, and is run for it.
 */
export class Makings {
  readonly #source: string
  #last: Making | undefined
  #before: Making | undefined

  constructor(source: string) {
    this.#source = source
  }

  /** The value, or why there is none. */
  make(raw: unknown, transform: AnyTransform | undefined): Shareable | Error {
    const known = [this.#last, this.#before].find(
      (making) => making?.raw === raw && isSame(making?.transform, transform),
    )
    if (known !== undefined) {
      // Of two texts that are equal the newer one is the faster to compare.
      known.raw = raw
      return known.made
    }
    this.#before = this.#last
    this.#last = { raw, transform, made: this.#apply(raw, transform) }
    return this.#last.made
  }

  #apply(raw: unknown, transform: AnyTransform | undefined): Shareable | Error {
    try {
      return share(applyTransform(this.#source, transform, raw))
    } catch (error) {
      return error as Error
    }
  }
}
