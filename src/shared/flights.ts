import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import { ClaimTable } from './claim-table.ts'
import { monotonicTime } from './clock.ts'
import { type Correspondent, Membership } from './membership.ts'
import type { News, Welcome } from './messages.ts'

/** What a user of the flights does with what other workers have fetched. */
export interface FlightUser<Answer> {
  /**
   * Takes an answer (or shared failure) that another worker announced, just now or before this worker joined. An older
   * one may come after a newer one. Synchronous; must not throw.
   */
  receive(key: string, answer: Answer): void
  /** Everything worth handing to a worker that joins late. */
  snapshot(): Iterable<readonly [key: string, answer: Answer]>
}

/** Who fetches which of the keys that were asked for. */
export interface Claims {
  /** Keys that this worker is to fetch now: nobody else will, as long as its lease is renewed. */
  readonly mine: readonly string[]
  /**
   * Keys that another worker is fetching: each promise resolves when an answer has been received, when that worker has
   * given the claim back, or when its lease has run out. Never rejects.
   */
  readonly others: ReadonlyMap<string, Promise<void>>
}

/** Single-flight over the workers of one process: of all that need a key, one fetches it and tells the others. */
export interface Flights<Answer> {
  /**
   * Claims all keys at once, so that one worker gets a whole batch. Newer answers may have been received when it
   * resolves: look again what is still to be fetched, and settle or give back what is not. A key that this worker
   * claims already is its own again. Never rejects.
   */
  claim(keys: readonly string[]): Promise<Claims>
  /**
   * Announces answers to all workers, in one message, and gives the claims back. Keep your own copy first.
   *
   * @throws DOMException if an answer can't be cloned; the claims are given back all the same.
   */
  settle(answers: Iterable<readonly [key: string, answer: Answer]>): void
  /** Gives claims back without an answer. */
  giveBack(keys: readonly string[]): void
  /** Leaves the group. */
  close(): void
}

/** How flights are shared. */
export interface FlightOptions {
  /** How many milliseconds a claim outlives the last sign of life of its worker. Default 1000. */
  lease?: number
}

class SharedFlights<Answer> implements Flights<Answer>, Correspondent<Answer> {
  readonly #user: FlightUser<Answer>
  readonly #lease: number
  readonly #membership: Membership<Answer>
  readonly #table = new ClaimTable()
  #isClosed = false
  #renewing: NodeJS.Timeout | undefined
  #watching: NodeJS.Timeout | undefined

  constructor(topic: string, user: FlightUser<Answer>, lease: number) {
    this.#user = user
    this.#lease = lease
    this.#membership = new Membership(topic, lease, this)
  }

  get #self(): string {
    return this.#membership.id
  }

  async claim(keys: readonly string[]): Promise<Claims> {
    if (this.#isClosed) return { mine: [...keys], others: new Map() }
    const claims = await this.#membership.exclusively((isOvertaken) => this.#decide(keys, isOvertaken))
    this.#renewWhileClaiming()
    this.#watchWhileWaiting()
    return claims
  }

  settle(answers: Iterable<readonly [key: string, answer: Answer]>): void {
    const settled = [...answers]
    if (this.#isClosed || settled.length === 0) return
    const keys = settled.map(([key]) => key)
    try {
      this.#membership.post({ type: 'answers', answers: settled })
      for (const key of keys) this.#table.wake(key)
    } finally {
      // Not in the same message, which reaches one worker after the other: the first could claim a key anew and give it
      // back before the last one has the answer.
      this.giveBack(keys)
    }
  }

  giveBack(keys: readonly string[]): void {
    if (this.#isClosed || keys.length === 0) return
    this.#table.giveBack(this.#self, keys)
    this.#membership.post({ type: 'return', from: this.#self, keys })
    this.#stopWatching()
    if (this.#table.keysOf(this.#self).length === 0) this.#stopRenewing()
  }

  close(): void {
    this.giveBack(this.#table.keysOf(this.#self))
    this.#isClosed = true
    this.#membership.close()
    this.#table.clear()
    clearInterval(this.#renewing)
    clearTimeout(this.#watching)
  }

  hear(news: News<Answer>): void {
    switch (news.type) {
      case 'claim':
        for (const key of news.keys)
          this.#table.take({ key, member: news.from, ticket: news.ticket, expires: news.expires })
        break
      case 'renewal':
        this.#table.renew(news.from, news.keys, news.expires)
        break
      case 'return':
        this.#table.giveBack(news.from, news.keys)
        break
      case 'answers':
        for (const [key] of news.answers) this.#table.wake(key)
        for (const [key, answer] of news.answers) this.#user.receive(key, answer)
        break
      default:
        news satisfies never
    }
    this.#stopWatching()
  }

  knowledge(): Omit<Welcome<Answer>, 'group'> {
    return { claims: [...this.#table.records()], answers: [...this.#user.snapshot()] }
  }

  learn({ claims, answers }: Omit<Welcome<Answer>, 'group'>, answersOnly: boolean): void {
    if (!answersOnly) for (const claim of claims) this.#table.take(claim)
    for (const [key, answer] of answers) this.#user.receive(key, answer)
  }

  #decide(keys: readonly string[], isOvertaken: () => boolean): Claims | undefined {
    const time = monotonicTime()
    this.#table.expire(time, this.#self)
    const mine: string[] = []
    const others = new Map<string, Promise<void>>()
    for (const key of new Set(keys)) {
      const news = this.#table.newsOf(key, this.#self)
      if (news === undefined) mine.push(key)
      else others.set(key, news)
    }
    if (mine.length === 0 || this.#isClosed) return { mine, others }
    if (isOvertaken()) return undefined
    const ticket = this.#table.nextTicket()
    const expires = time + this.#lease
    this.#membership.post({ type: 'claim', from: this.#self, keys: mine, ticket, expires })
    for (const key of mine) this.#table.take({ key, member: this.#self, ticket, expires })
    return { mine, others }
  }

  #renewWhileClaiming(): void {
    if (this.#renewing !== undefined || this.#table.keysOf(this.#self).length === 0) return
    this.#renewing = setInterval(this.#renew, this.#lease / 3).unref()
  }

  readonly #renew = (): void => {
    const keys = this.#table.keysOf(this.#self)
    if (keys.length === 0) {
      this.#stopRenewing()
      return
    }
    const expires = monotonicTime() + this.#lease
    this.#table.renew(this.#self, keys, expires)
    this.#membership.post({ type: 'renewal', from: this.#self, keys, expires })
  }

  #stopRenewing(): void {
    clearInterval(this.#renewing)
    this.#renewing = undefined
  }

  /** Not unref'd: whoever waits for a worker that has died must not see the process end instead. */
  #watchWhileWaiting(): void {
    const expiry = this.#table.nextExpiry
    clearTimeout(this.#watching)
    this.#watching =
      expiry === undefined ? undefined : setTimeout(this.#expire, Math.max(1, Math.ceil(expiry - monotonicTime())))
  }

  readonly #expire = (): void => {
    // The renewals that came while this event loop was blocked count.
    this.#membership.drain()
    this.#table.expire(monotonicTime(), this.#self)
    this.#watchWhileWaiting()
  }

  #stopWatching(): void {
    if (this.#watching !== undefined && this.#table.nextExpiry === undefined) this.#watchWhileWaiting()
  }
}

/**
 * Opens flights that the workers of this process share by topic. Opens nothing yet: the first claim does. Where the
 * temporary directory can't be used, or a lock can't be had, more than one worker may fetch the same key.
 */
export const openFlights = <Answer>(
  topic: string,
  user: FlightUser<Answer>,
  { lease = 1000 }: FlightOptions = {},
): Flights<Answer> => new SharedFlights(topic, user, lease)
