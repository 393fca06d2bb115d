import { ContextKeyError } from '../errors.ts'

interface Addition {
  readonly key: string
  readonly value: unknown
  previous: unknown
  readonly next: Addition | undefined
}

type Keyed = Record<string, unknown>

/** What the middlewares of one request have put on its Lambda context. */
export class ContextKeys {
  #additions: Addition | undefined

  /** @throws {@link ContextKeyError} if one of our middlewares has put something under this key, or the context is frozen. */
  add(context: object, middleware: string, key: string, value: unknown): void {
    for (let addition = this.#additions; addition !== undefined; addition = addition.next)
      if (addition.key === key)
        throw new ContextKeyError(
          middleware,
          key,
          `is already taken by another middleware of this package on this handler. Give one of them another key: ${middleware}({ contextKey: '...' }).`,
        )
    const previous = (context as Keyed)[key]
    try {
      ;(context as Keyed)[key] = value
    } catch (cause) {
      throw new ContextKeyError(
        middleware,
        key,
        "can't be set, because the context object is frozen or its property read-only. Pass a context that can be written to, for example createContext() of middy-managed-instances/testing.",
        { cause },
      )
    }
    this.#additions = { key, value, previous, next: this.#additions }
  }

  /** Puts this request's values in place just before its handler runs: overlapping requests may share one context. */
  expose(context: object): void {
    for (let addition = this.#additions; addition !== undefined; addition = addition.next)
      if ((context as Keyed)[addition.key] !== addition.value) (context as Keyed)[addition.key] = addition.value
  }

  /** Gives every key its former value back; where another request has put its own since, that one will. */
  restore(context: object, others: () => ContextKeys[]): void {
    for (let addition = this.#additions; addition !== undefined; addition = addition.next) {
      const { key, value, previous } = addition
      if ((context as Keyed)[key] === value) (context as Keyed)[key] = previous
      else for (const other of others()) other.#inherit(key, value, previous)
    }
  }

  #inherit(key: string, ended: unknown, previous: unknown): void {
    for (let addition = this.#additions; addition !== undefined; addition = addition.next)
      if (addition.key === key && addition.previous === ended) addition.previous = previous
  }
}
