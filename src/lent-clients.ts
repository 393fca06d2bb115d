/** Who lends clients, to be asked how many are lent. */
export interface Lender {
  readonly name: string
  /** How many are lent now. */
  readonly lent: number
}

const lenders = new Set<WeakRef<Lender>>()
const forgotten = new FinalizationRegistry<WeakRef<Lender>>((lender) => lenders.delete(lender))

/**
 * Makes a lender known to those who look for clients that were never given back, until what is returned is called: when
 * it is closed, nothing is left to give back. A lease costs nothing of it.
 */
export const knowLender = (lender: Lender): (() => void) => {
  const known = new WeakRef(lender)
  lenders.add(known)
  forgotten.register(lender, known)
  return () => {
    lenders.delete(known)
  }
}

/** The lenders that have clients lent. */
export const lendersWithClients = (): Lender[] =>
  Array.from(lenders, (lender) => lender.deref()).filter(
    (lender) => lender !== undefined && lender.lent > 0,
  ) as Lender[]
