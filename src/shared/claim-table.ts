import type { ClaimRecord } from './messages.ts'

/** A member, as long as it claims anything. */
interface Holder {
  readonly member: string
  /** When its lease runs out unless it renews it. */
  expires: number
  readonly keys: Set<string>
  /** How many of its keys somebody in this worker waits for. */
  awaited: number
}

interface Claim {
  readonly holder: Holder
  ticket: number
  /** Resolved when there is an answer, or nothing to wait for any more. */
  news: PromiseWithResolvers<void> | undefined
}

/**
 * Who fetches what. Every member has a table of its own, and what they tell each other keeps all tables alike: of two
 * claims to one key the higher ticket wins, and whatever ends a claim ends only its own member's.
 */
export class ClaimTable {
  readonly #claims = new Map<string, Claim>()
  readonly #holders = new Map<string, Holder>()
  #lastTicket = 0

  /** Higher than any ticket this table has heard of. */
  nextTicket(): number {
    return this.#lastTicket + 1
  }

  take({ key, member, ticket, expires }: ClaimRecord): void {
    this.#lastTicket = Math.max(this.#lastTicket, ticket)
    const current = this.#claims.get(key)
    if (current !== undefined) {
      const rival = current.holder.member
      if (current.ticket > ticket || (current.ticket === ticket && rival > member)) return
      if (rival !== member) this.#remove(key, current)
    }
    const holder = this.#holderFor(member)
    holder.expires = Math.max(holder.expires, expires)
    if (current?.holder === holder) current.ticket = ticket
    else {
      holder.keys.add(key)
      this.#claims.set(key, { holder, ticket, news: undefined })
    }
  }

  /** The member still claims these keys of those it had; it does not get back what another has taken over. */
  renew(member: string, keys: readonly string[], expires: number): void {
    const holder = this.#holders.get(member)
    if (holder === undefined) return
    holder.expires = Math.max(holder.expires, expires)
    const kept = new Set(keys)
    this.giveBack(
      member,
      [...holder.keys].filter((key) => !kept.has(key)),
    )
  }

  giveBack(member: string, keys: Iterable<string>): void {
    for (const key of keys) {
      const claim = this.#claims.get(key)
      if (claim?.holder.member === member) this.#remove(key, claim)
    }
  }

  /** An answer has come, whoever sent it: those who wait for one look again. */
  wake(key: string): void {
    const claim = this.#claims.get(key)
    if (claim !== undefined) this.#resolve(claim)
  }

  /** Ends the claims whose lease has run out, except those of `self`, who knows that it is at work. */
  expire(time: number, self: string): void {
    for (const { member, expires, keys } of [...this.#holders.values()])
      if (expires <= time && member !== self) this.giveBack(member, [...keys])
  }

  /** What this member claims. */
  keysOf(member: string): string[] {
    return [...(this.#holders.get(member)?.keys ?? [])]
  }

  /** Resolves when there is something new about a key that another member claims; `undefined` if none does. */
  newsOf(key: string, self: string): Promise<void> | undefined {
    const claim = this.#claims.get(key)
    if (claim === undefined || claim.holder.member === self) return undefined
    if (claim.news === undefined) {
      claim.news = Promise.withResolvers<void>()
      claim.holder.awaited++
    }
    return claim.news.promise
  }

  /** When the first lease that somebody here waits for runs out; `undefined` if nobody waits. */
  get nextExpiry(): number | undefined {
    const awaited = [...this.#holders.values()].filter(({ awaited }) => awaited > 0)
    return awaited.length === 0 ? undefined : Math.min(...awaited.map(({ expires }) => expires))
  }

  *records(): Generator<ClaimRecord> {
    for (const [key, { holder, ticket }] of this.#claims)
      yield { key, member: holder.member, ticket, expires: holder.expires }
  }

  clear(): void {
    for (const [key, claim] of this.#claims) this.#remove(key, claim)
  }

  #holderFor(member: string): Holder {
    const known = this.#holders.get(member)
    if (known !== undefined) return known
    const holder: Holder = { member, expires: 0, keys: new Set(), awaited: 0 }
    this.#holders.set(member, holder)
    return holder
  }

  #remove(key: string, claim: Claim): void {
    const { member, keys } = claim.holder
    this.#claims.delete(key)
    keys.delete(key)
    if (keys.size === 0) this.#holders.delete(member)
    this.#resolve(claim)
  }

  #resolve(claim: Claim): void {
    if (claim.news === undefined) return
    claim.news.resolve()
    claim.news = undefined
    claim.holder.awaited--
  }
}
