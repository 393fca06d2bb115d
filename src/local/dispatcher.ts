import { invalidOption } from '../options.ts'
import type { Invocation } from './invocation.ts'
import { type Ending, timedOut, unanswered } from './results.ts'
import type { Statistics } from './statistics.ts'

/** A worker's open poll. */
export interface Poll {
  readonly worker: number
  deliver(invocation: Invocation): void
}

/** Gives invocations to polling workers, at most `concurrency` at a time, and ends each exactly once. */
export class Dispatcher {
  readonly #concurrency: number
  readonly #statistics: Statistics
  readonly #queued = new Set<Invocation>()
  readonly #admitted = new Set<Invocation>()
  readonly #inFlight = new Map<string, Invocation>()
  readonly #zombies = new Set<string>()
  readonly #polls = new Set<Poll>()

  constructor(concurrency: number, statistics: Statistics) {
    this.#concurrency = concurrency
    this.#statistics = statistics
  }

  submit(invocation: Invocation): void {
    if (this.#inFlight.has(invocation.id)) {
      throw invalidOption('invoke()', 'requestId', 'an id that is not in flight', invocation.id)
    }
    this.#statistics.accepted()
    this.#queued.add(invocation)
    this.#advance()
  }

  /** Takes an invocation back that no worker has seen. */
  withdraw(invocation: Invocation, reason: string): void {
    if (invocation.stage.name === 'queued' || invocation.stage.name === 'admitted') {
      this.#end(invocation, unanswered(invocation.id, reason))
    }
  }

  poll(poll: Poll): void {
    this.#polls.add(poll)
    this.#advance()
  }

  unpoll(poll: Poll): void {
    this.#polls.delete(poll)
  }

  find(id: string): Invocation | undefined {
    return this.#inFlight.get(id)
  }

  /** Ends the invocation unless it has ended; an answer after the deadline is counted and dropped. */
  settle(id: string, ending: Ending): void {
    const invocation = this.#inFlight.get(id)
    // The function goes by the clock, and the timer may be behind it.
    if (invocation && Date.now() >= invocation.deadline) this.#expire(invocation)
    else if (invocation) this.#end(invocation, ending)
    if (this.#zombies.delete(id)) this.#statistics.late()
  }

  workerDied(worker: number, reason: string): void {
    for (const invocation of this.#inFlight.values()) {
      if (invocation.worker === worker) this.#end(invocation, unanswered(invocation.id, reason))
    }
  }

  /** Ends everything, in flight or not. */
  close(reason: string): void {
    this.closeQueue(reason)
    for (const invocation of this.#inFlight.values()) this.#end(invocation, unanswered(invocation.id, reason))
    this.#polls.clear()
  }

  /** Ends what no worker has seen. */
  closeQueue(reason: string): void {
    for (const invocation of [...this.#queued, ...this.#admitted])
      this.#end(invocation, unanswered(invocation.id, reason))
  }

  #advance(): void {
    for (const invocation of this.#queued) {
      if (this.#statistics.inFlight >= this.#concurrency) break
      this.#admit(invocation)
    }
    for (const invocation of this.#admitted) {
      const [poll] = this.#polls
      if (!poll) break
      this.#polls.delete(poll)
      this.#deliver(invocation, poll)
    }
  }

  #admit(invocation: Invocation): void {
    this.#queued.delete(invocation)
    this.#admitted.add(invocation)
    invocation.stage = { name: 'admitted' }
    invocation.admittedAt = performance.now()
    invocation.deadline = Date.now() + invocation.timeout
    invocation.timer = setTimeout(() => this.#expire(invocation), invocation.timeout)
    this.#statistics.admitted(invocation.admittedAt)
  }

  #deliver(invocation: Invocation, poll: Poll): void {
    this.#admitted.delete(invocation)
    this.#inFlight.set(invocation.id, invocation)
    invocation.stage = { name: 'delivered', worker: poll.worker }
    this.#statistics.delivered(poll.worker)
    poll.deliver(invocation)
  }

  #expire(invocation: Invocation): void {
    if (invocation.stage.name === 'delivered') this.#zombies.add(invocation.id)
    this.#end(invocation, timedOut(invocation.id, invocation.timeout))
  }

  #end(invocation: Invocation, ending: Ending): void {
    const { stage, worker } = invocation
    if (stage.name === 'settled') return
    clearTimeout(invocation.timer)
    this.#queued.delete(invocation)
    this.#admitted.delete(invocation)
    this.#inFlight.delete(invocation.id)
    invocation.stage = { name: 'settled', worker }
    const now = performance.now()
    const durationMs = invocation.admittedAt === 0 ? 0 : now - invocation.admittedAt
    if (stage.name === 'queued') this.#statistics.dropped(ending.status)
    else this.#statistics.settled(ending.status, worker, durationMs, now)
    invocation.resolve(ending, durationMs)
    this.#advance()
  }
}
