/** A client as one request sees it, and its end. */
export interface Revocable<C> {
  readonly client: C
  /** Has every further use fail with what `reason` says of it. Tells whether it was not revoked before. */
  revoke(reason: (use: string) => Error): boolean
}

/**
 * Makes of a client one that can be taken back. What that has handed out, such as a collection or a chain of commands,
 * goes on to work: it is the driver's own.
 */
export const revocable = <C>(client: C): Revocable<C> => {
  let ended: ((use: string) => Error) | undefined
  const revoke = (reason: (use: string) => Error): boolean => {
    if (ended !== undefined) return false
    ended = reason
    return true
  }
  if ((typeof client !== 'object' && typeof client !== 'function') || client === null) return { client, revoke }
  const real: object = client
  const methods = new Map<unknown, unknown>()
  const check = (use: PropertyKey): void => {
    if (ended !== undefined) throw ended(String(use))
  }
  /** Methods run on the client itself, whose private fields a proxy has not. */
  const methodOf = (method: (...args: unknown[]) => unknown, use: PropertyKey): unknown => {
    const known = methods.get(method)
    if (known !== undefined) return known
    const guarded = (...args: unknown[]): unknown => {
      check(use)
      const result = Reflect.apply(method, real, args)
      return result === real ? proxy : result
    }
    methods.set(method, guarded)
    return guarded
  }
  // In place of the client, whose frozen fields a proxy of it could not stand in for.
  const shell: object = typeof client === 'function' ? () => {} : Object.create(Object.getPrototypeOf(client))
  const proxy: object = new Proxy(shell, {
    get: (_shell, key) => {
      // Whoever awaits the client asks whether it is a promise, which is no use of it.
      if (key !== 'then') check(key)
      const value = Reflect.get(real, key, real)
      return typeof value === 'function' && key !== 'constructor' ? methodOf(value, key) : value
    },
    set: (_shell, key, value) => {
      check(key)
      return Reflect.set(real, key, value, real)
    },
    has: (_shell, key) => Reflect.has(real, key),
    apply: (_shell, _self, args) => {
      check('a call')
      return Reflect.apply(real as () => unknown, undefined, args)
    },
  })
  return { client: proxy as C, revoke }
}
